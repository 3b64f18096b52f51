"""odori.toml says what the ODORI_* variables say, and they win over it."""

from pathlib import Path

import pytest

from infra.settings import SettingsError, read
from infra.settings_file import with_file
from streams.terminal import WRONG
from tests.cli.conftest import odori

WHOLE = """
kafka = "one:9092,two:9092"
partitions = 12
cors = ["http://a", "http://b"]
data = "/var/lib/odori"
[kafka_client]
security_protocol = "SASL_SSL"
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory's file."""
    monkeypatch.chdir(tmp_path)
    return tmp_path / "odori.toml"


def test_every_setting_may_stand_in_the_file_and_a_variable_wins(here: Path) -> None:
    here.write_text(WHOLE)
    found = read(with_file({"ODORI_PARTITIONS": "3", "ODORI_KAFKA": ""}))
    assert (found.kafka, found.partitions) == ("one:9092,two:9092", 3)
    assert found.cors == ("http://a", "http://b")
    assert found.data == Path("/var/lib/odori")
    assert found.kafka_client == {"security_protocol": "SASL_SSL"}


def test_without_a_file_there_are_the_variables(here: Path) -> None:
    assert with_file({"ODORI_PORT": "1"}) == {"ODORI_PORT": "1"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("kafak = 'x'", "kafak is no setting; is kafka meant?"),
        ("port = 1.5", "port is a text, a whole number or a list of texts"),
        ("port = true", "port is a text, a whole number or a list of texts"),
        ("kafka_client = 3", "[kafka_client] is a table"),
        ("port = ", "odori.toml: "),
        ("[kafka_client]\nssl = [1]", "kafka_client.ssl is a text"),
    ],
)
def test_what_is_wrong_in_it_is_told_with_file_and_key(text: str, said: str, here: Path) -> None:
    here.write_text(text)
    with pytest.raises(SettingsError) as error:
        with_file({})
    assert said in str(error.value)
    result = odori("check")
    assert (result.exit_code, "odori.toml" in result.output) == (WRONG, True)


def test_a_file_that_is_named_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="there is no such file"):
        with_file({"ODORI_CONFIG": str(tmp_path / "none.toml")})


def test_commands_read_it(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ODORI_DATA", "")
    here.write_text("data = 'elsewhere'")
    assert "elsewhere" in odori("check").output
