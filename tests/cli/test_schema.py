"""`odori schema` shows declared tables, tells what differs on disk, and makes what is missing."""

import json
import socket
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from streams.cli import main


def odori(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["schema", *arguments])


def execute(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        for statement in statements:
            connection.execute(statement)


def test_declared_tables_are_shown_with_keys_types_and_indexes() -> None:
    said = odori("show", "payment").output
    assert "payment.wallet\n" in said
    assert "customer_id" in said.split("payment.wallet\n")[1].splitlines()[0]
    found = json.loads(odori("show", "inventory", "--json").output)
    assert found["inventory.stock"]["category"]["key_type"] == "PARTITION"
    assert all("tx_id" not in columns for columns in found.values())


def test_what_is_missing_is_told_then_made_and_nothing_is_made_by_asking(tmp_path: Path) -> None:
    data = ("--data", str(tmp_path / "new"))
    before = odori("diff", "order", *data)
    assert before.exit_code == 1
    assert "order.outbox is not there; make it with: odori schema apply" in before.output
    assert not (tmp_path / "new").exists()
    made = odori("apply", *data)
    assert made.exit_code == 0, made.output
    assert "  order.outbox\n" in made.output
    assert "Every table is as declared." in odori("diff", *data).output
    assert odori("apply", *data).output == "Nothing was missing.\n"


def test_a_column_that_went_is_told_by_name_and_made_anew(tmp_path: Path) -> None:
    data = ("--data", str(tmp_path))
    odori("apply", *data)
    execute(
        tmp_path / "inventory.db",
        'ALTER TABLE "inventory$stock" DROP COLUMN "low"',
        'ALTER TABLE "inventory$stock" DROP COLUMN "before_low"',
        "DELETE FROM \"scalardb$metadata\" WHERE column_name IN ('low', 'before_low')",
    )
    assert "inventory.stock.low (BOOLEAN) is not there" in odori("diff", *data).output
    assert odori("apply", "inventory", *data).exit_code == 0
    assert odori("diff", *data).exit_code == 0


def test_what_contradicts_is_told_and_stops_everything(tmp_path: Path) -> None:
    data = ("--data", str(tmp_path))
    odori("apply", *data)
    execute(
        tmp_path / "inventory.db",
        "UPDATE \"scalardb$metadata\" SET data_type='TEXT' WHERE column_name='reserved_quantity'",
    )
    told = "inventory.stock.reserved_quantity is TEXT, declared BIGINT"
    found = json.loads(odori("diff", *data, "--json").output)
    assert found == {"missing": [], "contradicting": [told]}
    applied = odori("apply", *data)
    assert applied.exit_code == 1
    assert told in applied.output


def test_what_was_changed_by_hand_is_told_though_it_is_described_as_declared(
    tmp_path: Path,
) -> None:
    data = ("--data", str(tmp_path))
    odori("apply", *data)
    execute(
        tmp_path / "inventory.db",
        'DROP TABLE "inventory$stock"',
        'ALTER TABLE "inventory$ledger" DROP COLUMN "tx_version"',
    )
    told = odori("diff", *data)
    assert told.exit_code == 1
    assert "inventory.stock is not there; make it with" in told.output
    assert "inventory.ledger.tx_version (INT) is not there; make it with" in told.output
    assert odori("apply", *data).exit_code == 0
    assert odori("diff", *data).exit_code == 0


def test_a_type_that_was_changed_by_hand_is_told_though_it_is_described_as_declared(
    tmp_path: Path,
) -> None:
    data = ("--data", str(tmp_path))
    odori("apply", *data)
    execute(
        tmp_path / "inventory.db",
        'ALTER TABLE "inventory$stock" DROP COLUMN "low"',
        'ALTER TABLE "inventory$stock" ADD COLUMN "low" TEXT',
    )
    told = odori("diff", *data)
    assert told.exit_code == 1
    said = "inventory.stock.low is TEXT, declared BOOLEAN"
    assert told.output == f"{said}; only a migration of your own changes that\n"
    assert said in odori("apply", *data).output


def test_a_column_that_was_added_by_hand_stops_everything(tmp_path: Path) -> None:
    data = ("--data", str(tmp_path))
    odori("apply", *data)
    execute(tmp_path / "inventory.db", 'DROP TABLE "inventory$stock"')
    execute(tmp_path / "payment.db", 'ALTER TABLE "payment$ledger" ADD COLUMN "foo" TEXT')
    told = odori("apply", *data)
    assert told.exit_code == 1
    assert "payment.ledger.foo is declared nowhere" in told.output
    assert "inventory.stock is not there" in odori("diff", *data).output


@pytest.mark.parametrize("asked", ["diff", "apply"])
def test_a_database_that_refuses_the_connection_is_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asked: str
) -> None:
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))  # nobody listens there
        port = taken.getsockname()[1]
        monkeypatch.setenv("ODORI_STORE", f"postgresql://ann@127.0.0.1:{port}/shop")
        told = odori(asked, "--data", str(tmp_path))
    assert isinstance(told.exception, SystemExit)
    assert told.exit_code == 3
    assert "does not answer" in told.output


def test_a_domain_that_is_none_is_refused_with_those_that_are() -> None:
    found = odori("show", "stock")
    assert found.exit_code == 2
    assert "inventory" in found.output
