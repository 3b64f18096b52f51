"""`odori schema` shows declared tables, tells what differs on disk, and makes what is missing."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

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


def test_a_domain_that_is_none_is_refused_with_those_that_are() -> None:
    found = odori("show", "stock")
    assert found.exit_code == 2
    assert "inventory" in found.output
