"""One database for all tests of this folder, emptied for each; what needs more has its own."""

from pathlib import Path
from uuid import uuid4

import pytest

from domains.row import Row
from tests import given, shop
from tests.domains import (
    test_holds,
    test_inventory,
    test_order,
    test_payment,
    test_shipping,
)
from tests.postgres.conftest import new_database
from tests.races.desk import every_desk_is_closed
from tests.races.stage import StoredStage
from tests.stores import on_postgres, remember

__all__ = ["every_desk_is_closed"]

EMPTY = """DO $$ DECLARE it text; BEGIN
FOR it IN SELECT format('%I.%I', schemaname, tablename) FROM pg_tables
WHERE schemaname NOT IN ('pg_catalog', 'information_schema', 'scalardb')
LOOP EXECUTE 'DELETE FROM ' || it; END LOOP; END $$"""


@pytest.fixture(scope="session")
def _database(postgres: str) -> str:
    return new_database(postgres)


@pytest.fixture
def database(_database: str) -> str:
    on_postgres(_database, EMPTY)
    return _database


@pytest.fixture(autouse=True)
def stored(tmp_path: Path, postgres: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every stage has its rows in this test's database; a second one of a domain in another."""
    taken: set[str] = set()

    def stage(domain: str, *rows: Row) -> StoredStage:
        folder = tmp_path
        if domain in taken:
            folder = tmp_path / uuid4().hex
            remember(folder, new_database(postgres))
        taken.add(domain)
        return StoredStage(folder, domain, *rows)

    monkeypatch.setattr(given, "Stage", stage)
    monkeypatch.setattr(shop, "Stage", stage)
    for tests in (test_holds, test_inventory, test_order, test_payment, test_shipping):
        monkeypatch.setattr(tests, "Stage", stage)
