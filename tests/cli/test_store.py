"""ODORI_STORE: what it may be, and the sentence where it may not."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from infra.engine.postgres.plain import spoken
from streams.folder import announce_running
from streams.home import without_password
from streams.shared_home import Shared
from streams.terminal import settings
from tests.cli.conftest import odori

URL = "postgresql://ann:s3cret@127.0.0.1:1/shop"
TWO = """scalar.db.storage=multi-storage
scalar.db.multi_storage.storages=first,second
scalar.db.multi_storage.default_storage=first
scalar.db.multi_storage.storages.first.storage=jdbc
scalar.db.multi_storage.storages.first.contact_points=jdbc:postgresql://127.0.0.1:1/shop
"""
SQLITE = """scalar.db.multi_storage.storages.second.storage=jdbc
scalar.db.multi_storage.storages.second.contact_points=jdbc:sqlite:shop.db
scalar.db.multi_storage.namespace_mapping=shipping:second
"""
CASSANDRA = """scalar.db.multi_storage.storages.second.storage=cassandra
scalar.db.multi_storage.storages.second.contact_points=127.0.0.1
scalar.db.multi_storage.namespace_mapping=event:second,{}:second
"""
OTHER = """scalar.db.multi_storage.storages.second.storage=jdbc
scalar.db.multi_storage.storages.second.contact_points=jdbc:postgresql://127.0.0.1:2/shop
scalar.db.multi_storage.namespace_mapping=payment:second
"""


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (TWO + CASSANDRA.format("order"), "the domain order in the storage second, which is Cass"),
        (TWO + SQLITE, "the domain shipping in the storage second, which is SQLite: leave ODORI_S"),
        (TWO + OTHER, "inventory in first and payment in second: all domains need to lie"),
    ],
)
def test_where_a_batch_would_not_be_one_commit_nothing_starts(
    text: str, why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "scalardb.properties"
    file.write_text(text)
    monkeypatch.setenv("ODORI_STORE", str(file))
    said = odori("up", "--data", tmp_path / "data", "--port", 0)
    assert (said.exit_code, why in said.output) == (2, True), said.output
    assert said.output.count("\n") == 1
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    ("store", "why"),
    [("sqlite:////tmp/x.db", "leave ODORI_STORE out"), ("nowhere", "ODORI_STORE must be postgres")],
)
def test_what_cannot_be_a_store_is_said(
    store: str, why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ODORI_STORE", store)
    said = odori("check", "--data", tmp_path)
    assert (said.exit_code, why in said.output) == (2, True), said.output
    assert "sqlite:/" not in said.output


def test_a_file_may_map_what_is_no_domains_elsewhere_and_its_vain_lines_are_told(
    tmp_path: Path,
) -> None:
    file = tmp_path / "scalardb.properties"
    file.write_text(
        TWO
        + CASSANDRA.format("coordinator")
        + """scalar.db.consensus_commit.include_metadata.enabled=true
scalar.db.consensus_commit.isolation_level=SERIALIZABLE
scalar.db.consensus_commit.one_phase_commit.enabled=false
scalar.db.consensus_commit.coordinator.group_commit.enabled=true
"""
    )
    home = Shared.of(str(file), ["order", "inventory", "payment", "shipping"])
    assert home.name == "postgresql://127.0.0.1:1/shop"
    assert [note.partition(": ")[2].split(":")[0] for note in home.notes[:1]] == [
        "scalar.db.consensus_commit.include_metadata.enabled means nothing here"
    ]
    for key in ("isolation_level=SERIALIZABLE", "one_phase_commit.enabled=false"):
        assert sum(f"{key} does not apply to the domains" in note for note in home.notes) == 1
    assert sum("group_commit.enabled=true does not apply" in note for note in home.notes) == 1
    assert list(Shared.of(URL, ["order"]).notes) == []


def test_a_database_that_does_not_answer_is_a_sentence_without_the_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ODORI_STORE", URL)
    monkeypatch.setenv("ODORI_START_SECONDS", "0")
    for words in (("check",), ("saga", "O-1"), ("parked", "list"), ("up", "--port", 0)):
        said = odori(*words, "--data", tmp_path)
        assert said.exit_code == 3, said.output
        assert "s3cret" not in said.output
        assert said.output.startswith("Error: ")


def test_a_folder_remembers_its_store_but_no_password(tmp_path: Path) -> None:
    announce_running(tmp_path, "http://127.0.0.1:1", store=URL)
    assert settings(data=tmp_path).store == without_password(URL)
    assert without_password(URL) == "postgresql://ann@127.0.0.1:1/shop"
    assert without_password("postgresql://h/shop?user=ann&password=s3cret&ssl=true") == (
        "postgresql://h/shop?user=ann&password=&ssl=true"
    )
    assert "s3cret" not in (tmp_path / "up.json").read_text()


@pytest.mark.parametrize("password", ["s3/cret", "a@s3cret", "a:s3cret", "a/@s3cret"])
def test_a_password_that_should_be_quoted_is_not_told_either(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, password: str
) -> None:
    store = f"postgresql://ann:{password}@127.0.0.1:1/shop"
    assert without_password(f"at {store}: no") == "at postgresql://ann@127.0.0.1:1/shop: no"
    monkeypatch.setenv("ODORI_STORE", store)
    monkeypatch.setenv("ODORI_START_SECONDS", "0")
    result = odori("up", "--port", "0", "--data", tmp_path)
    assert result.exit_code in (2, 3)
    assert "127.0.0.1:1/shop" in result.output
    assert "cret" not in result.output


def test_without_the_driver_it_says_how_to_install_it(tmp_path: Path) -> None:
    program = (
        "import sys; sys.modules['asyncpg'] = None\n"
        "from streams.cli import main; main(prog_name='odori')"
    )
    command = [sys.executable, "-c", program, "up", "--data", str(tmp_path), "--port", "0"]
    env = os.environ | {"ODORI_STORE": URL}
    ended = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert "pip install 'odori-choreography[postgres]'" in ended.stderr, ended.stderr


def test_one_text_of_sql_is_understood_by_both() -> None:
    sql = """SELECT json_extract(o.body, '$.id') FROM "order$outbox" o
        , json_each(items) WHERE lane = ? AND instr(type, ?) > 0"""
    said = """SELECT (o.body::json ->> 'id') FROM "order"."outbox" o
        , json_array_elements(items::json) WHERE lane = $1 AND strpos(type, $2) > 0"""
    assert spoken(sql) == said
