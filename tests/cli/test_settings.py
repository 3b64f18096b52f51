"""The other commands are on the bus of the Odori that runs, unless told otherwise."""

from pathlib import Path

import pytest

from domains.inventory.rules import HOLD_SECONDS, RESERVATION_SECONDS
from infra.bus.errors import ClientRefused
from infra.bus.kafka.connection import Connection
from infra.settings import BOUNDS, WAIT_MAX_SECONDS, Settings, SettingsError, read, unknown
from streams.folder import announce_running
from streams.terminal import CANNOT, WRONG, settings
from tests.cli.conftest import odori


def test_a_command_takes_the_bus_of_the_running_odori(tmp_path: Path) -> None:
    announce_running(tmp_path, "http://127.0.0.1:1", "127.0.0.1:9092")
    assert settings(data=tmp_path).kafka == "127.0.0.1:9092"


def test_the_environment_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    announce_running(tmp_path, "http://127.0.0.1:1", "127.0.0.1:9092")
    monkeypatch.setenv("ODORI_KAFKA", "elsewhere:9092")
    assert settings(data=tmp_path).kafka == "elsewhere:9092"


def test_what_a_dead_odori_wrote_does_not_count(tmp_path: Path) -> None:
    (tmp_path / "up.json").write_text('{"url": "http://x", "pid": 999999999, "kafka": "gone:1"}')
    assert settings(data=tmp_path).kafka == ""


def test_how_long_stock_is_kept_can_be_set_and_is_otherwise_what_inventory_says() -> None:
    environ = {"ODORI_RESERVATION_SECONDS": "60", "ODORI_HOLD_SECONDS": str(WAIT_MAX_SECONDS)}
    found = read(environ)
    assert (found.reservation_seconds, found.hold_seconds) == (60, WAIT_MAX_SECONDS)
    assert Settings().reservation_seconds == RESERVATION_SECONDS
    assert Settings().hold_seconds == HOLD_SECONDS


@pytest.mark.parametrize("text", ["0", "-5", "1.5", "soon", str(WAIT_MAX_SECONDS + 1)])
@pytest.mark.parametrize("name", ["ODORI_RESERVATION_SECONDS", "ODORI_HOLD_SECONDS"])
def test_a_time_that_cannot_be_is_named_with_its_variable(name: str, text: str) -> None:
    with pytest.raises(SettingsError, match=f"{name}='{text}' is not "):
        read({name: text})


def test_a_wrong_setting_ends_a_command_with_its_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ODORI_HOLD_SECONDS", "0")
    result = odori("up", "--data", tmp_path)
    assert result.exit_code == WRONG
    assert f"'0' is not a whole number from 1 to {WAIT_MAX_SECONDS}" in result.output


@pytest.mark.parametrize(
    ("name", "text"),
    [("PARTITIONS", "0"), ("PARTITIONS", "-5"), ("PORT", "65536"), ("RETENTION_DAYS", "0")],
)
def test_a_number_out_of_its_bounds_is_named(name: str, text: str) -> None:
    with pytest.raises(SettingsError, match=f"ODORI_{name}='{text}' is not a whole number from"):
        read({f"ODORI_{name}": text})


def test_a_relay_is_on_or_off_and_off_is_for_kafka(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert read({}).relay == "on"
    with pytest.raises(SettingsError, match="ODORI_RELAY='no' is neither on nor off"):
        read({"ODORI_RELAY": "no"})
    monkeypatch.setenv("ODORI_RELAY", "off")
    result = odori("up", "--data", tmp_path)
    assert result.exit_code == WRONG
    assert "ODORI_RELAY=off is for outboxes that go to Kafka: set ODORI_KAFKA" in result.output


def test_every_number_has_bounds() -> None:
    numbers = {n for n, f in Settings.__dataclass_fields__.items() if isinstance(f.default, int)}
    assert numbers == BOUNDS.keys()


def test_a_setting_that_is_misspelt_is_told_at_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ODORI_HOLD_SECNDS", "5")
    monkeypatch.setenv("ODORI_HOLD_SECONDS", "0")  # ends it soon
    result = odori("up", "--data", tmp_path)
    assert "ODORI_HOLD_SECNDS is no setting; is ODORI_HOLD_SECONDS meant?" in result.output


def test_only_what_is_like_a_setting_is_taken_for_one() -> None:
    others = {"ODORI_KAFKA_SASL_MECHANISM": "PLAIN", "ODORI_SERVICE_HOST": "10.0.0.1", "HOME": "/"}
    assert unknown(others) == {}


def test_an_empty_variable_is_none() -> None:
    empty = {f"ODORI_{name.upper()}": "" for name in Settings.__dataclass_fields__}
    assert read(empty | {"ODORI_KAFKA_SASL_MECHANISM": ""}, host="") == Settings()


@pytest.mark.parametrize("text", ["nonsense", "a:port", "a:0", "a:1,", "a:123456", "a b:1"])
def test_an_address_that_is_none_is_named(text: str) -> None:
    with pytest.raises(SettingsError, match=r"ODORI_KAFKA=.* is not host:port"):
        read({"ODORI_KAFKA": text})


@pytest.mark.parametrize("text", ["a:9092", "a:9092, b.example:9092", "[::1]:9092"])
def test_addresses_are_taken_as_kafka_writes_them(text: str) -> None:
    assert read({"ODORI_KAFKA": text}).kafka == text


def test_a_setting_that_kafkas_client_does_not_know_is_refused_with_the_nearest_one() -> None:
    with pytest.raises(ClientRefused, match="no setting sasl_mechanisms; is sasl_mechanism meant"):
        Connection("a:1", {"sasl_mechanisms": "PLAIN"})
    with pytest.raises(ClientRefused, match=r"request_timeout_ms='soon', .* is not a number"):
        Connection("a:1", {"request_timeout_ms": "soon"})


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("NONSENSE", "1", "Kafka's client has no setting nonsense"),
        ("SECURITY_PROTOCOL", "FOO", "Kafka's client says"),
    ],
)
def test_a_start_with_such_a_setting_ends_with_its_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, text: str, said: str
) -> None:
    monkeypatch.setenv("ODORI_KAFKA", "127.0.0.1:1")
    monkeypatch.setenv(f"ODORI_KAFKA_{name}", text)
    result = odori("up", "--port", "0", "--data", tmp_path)
    assert result.exit_code == CANNOT
    assert f"Error: {said}" in result.output
