"""How .properties files are read: their syntax, their variables, and what is refused of them."""

from pathlib import Path

import pytest

from infra.engine.config import CassandraStorage, load
from infra.engine.errors import ConfigError

from .conftest import Loaded, Refused

COUNT = "scalar.db.consensus_commit.parallel_executor_count"


def cassandra(loaded: Loaded, text: str, **environ: str) -> CassandraStorage:
    storage = loaded(f"scalar.db.storage=cassandra\n{text}", **environ).storages["cassandra"]
    assert isinstance(storage, CassandraStorage)
    return storage


@pytest.mark.parametrize(
    "line",
    [
        f"{COUNT}=7",
        f"  {COUNT} = 7  ",
        f"{COUNT}:7",
        f"{COUNT} 7",
        f"{COUNT}\t7",
        f"{COUNT}=\\\n   7",
        "scalar.db.consensus_commit.\\\r\n    parallel_executor_count=7\r\n",
        f"{COUNT}=\\u0037",
        f"# {COUNT}=8\n! {COUNT}=9\n\n{COUNT}=7",
        f"\ufeff{COUNT}=7",
    ],
)
def test_each_way_of_javas_syntax_is_read(line: str, loaded: Loaded) -> None:
    assert loaded(line).consensus_commit.parallel_executor_count == 7


def test_text_is_utf8_or_escaped(loaded: Loaded) -> None:
    storage = cassandra(
        loaded,
        "scalar.db.contact_points=h\nscalar.db.username=Zoë\nscalar.db.password=\\u00e9\\=\\\\x",
    )
    assert (storage.username, storage.password) == ("Zoë", "é=\\x")


def test_a_file_that_is_not_utf8_is_refused_by_its_line(tmp_path: Path) -> None:
    file = tmp_path / "a.properties"
    file.write_bytes(b"# one\nscalar.db.username=Zo\xeb\n")
    with pytest.raises(ConfigError, match=r"a\.properties:2: is not UTF-8"):
        load(file)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"gone\.properties: cannot be read: No such file"):
        load(tmp_path / "gone.properties")


def test_a_broken_escape_is_refused_by_its_line(refused: Refused) -> None:
    [line] = refused(f"{COUNT}=7\nscalar.db.username=\\u00zz\n")
    assert line.startswith("a.properties:2: ")
    assert "\\u00zz" in line


def test_lines_are_counted_through_comments_and_continuations(refused: Refused) -> None:
    [line] = refused(f"# one\n\nscalar.db.username=a\\\n  b\n{COUNT}=x\n")
    assert line == f"a.properties:5: {COUNT}=x must be a whole number from 1 to 10000"


@pytest.mark.parametrize("name", ["${USER_NAME}", "${env:USER_NAME}", "${env:USER_NAME:-other}"])
def test_a_variable_comes_from_the_environment(name: str, loaded: Loaded) -> None:
    text = f"scalar.db.contact_points=h\nscalar.db.username=x-{name}\nscalar.db.password=p"
    assert cassandra(loaded, text, USER_NAME="eve").username == "x-eve"


def test_a_variable_that_is_not_set_may_have_a_value_instead(loaded: Loaded) -> None:
    assert cassandra(loaded, "scalar.db.contact_points=${HOST:-h1,h2}").contact_points == (
        "h1",
        "h2",
    )


def test_two_dollars_are_one_and_no_variable(loaded: Loaded) -> None:
    text = "scalar.db.contact_points=h\nscalar.db.username=u\nscalar.db.password=$${HOME}$"
    assert cassandra(loaded, text).password == "${HOME}$"


def test_what_a_variable_holds_is_not_read_again(loaded: Loaded) -> None:
    text = "scalar.db.contact_points=h\nscalar.db.username=u\nscalar.db.password=${SECRET}"
    assert cassandra(loaded, text, SECRET="a\\nb${NO}").password == "a\\nb${NO}"


def test_a_variable_that_is_not_set_is_refused_by_file_line_key_and_name(refused: Refused) -> None:
    assert refused("\nscalar.db.username=${DB_USER}\nscalar.db.password=${env:DB_PASSWORD}\n") == [
        "a.properties:2: scalar.db.username: the variable DB_USER is not set",
        "a.properties:3: scalar.db.password: the variable DB_PASSWORD is not set",
    ]


def test_a_variable_that_is_not_set_hides_nothing_and_costs_nothing_else(refused: Refused) -> None:
    lines = refused(
        "scalar.db.storage=jdbc\nscalar.db.contact_points=${URL}\nscalar.db.pasword=${PW}\n"
    )
    assert [line.partition(": ")[2] for line in lines] == [
        "scalar.db.contact_points: the variable URL is not set",
        "scalar.db.pasword: the variable PW is not set",
        "scalar.db.pasword is not known; the nearest known key is scalar.db.password",
    ]
    text = "scalar.db.contact_points=h\nscalar.db.username=u\nscalar.db.password=${PW}\n"
    assert refused(text) == ["a.properties:3: scalar.db.password: the variable PW is not set"]


def test_a_variable_of_java_is_refused(refused: Refused) -> None:
    assert refused("scalar.db.username=${sys:user.name}") == [
        "a.properties:1: scalar.db.username: ${sys:user.name} is no ${NAME}"
    ]


def test_an_empty_value_is_as_good_as_none(loaded: Loaded) -> None:
    settings = loaded(f"{COUNT}=\nscalar.db.storage=${{STORE}}\n", STORE="")
    assert (settings.consensus_commit.parallel_executor_count, settings.storages) == (128, {})


def test_a_key_twice_with_one_value_is_no_contradiction(loaded: Loaded) -> None:
    assert loaded(f"{COUNT}=7\n{COUNT}=7\n").consensus_commit.parallel_executor_count == 7


def test_a_key_twice_with_two_values_is_refused_by_both_lines(refused: Refused) -> None:
    [line] = refused(f"{COUNT}=7\n\n{COUNT}=8\n")
    assert line == f"a.properties:3: {COUNT}=8 contradicts a.properties:1"


def test_two_spellings_of_a_key_may_not_contradict_each_other(refused: Refused) -> None:
    new, old = "scalar.db.consensus_commit.isolation_level", "scalar.db.isolation_level"
    [line] = refused(f"{new}=SNAPSHOT\n{old}=SERIALIZABLE\n")
    assert line == f"a.properties:2: {old}=SERIALIZABLE contradicts a.properties:1"


def test_a_contradiction_shows_no_password(refused: Refused) -> None:
    [line] = refused("scalar.db.password=s3cret\nscalar.db.password=s4cret\n")
    assert line == "a.properties:2: scalar.db.password=*** contradicts a.properties:1"


def test_a_later_source_wins_over_an_earlier_one(loaded: Loaded) -> None:
    assert loaded(f"{COUNT}=7", f"{COUNT}=8").consensus_commit.parallel_executor_count == 8
    settings = load(Path("a.properties"), {COUNT: "9"})
    assert settings.consensus_commit.parallel_executor_count == 9


def test_everything_that_is_wrong_is_told_at_once(refused: Refused) -> None:
    lines = refused(
        f"{COUNT}=x\nscalar.db.storage=dynamo\nscalar.db.storag=jdbc\nscalar.db.username=${{NO}}\n",
        "scalar.db.contact_port=-1\n",
    )
    places = ["a.properties:4", "a.properties:1", "a.properties:2", "a.properties:3"]
    assert [line.partition(": ")[0] for line in lines] == [*places, "b.properties:1"]
