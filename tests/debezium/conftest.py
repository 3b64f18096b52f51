"""A PostgreSQL whose changes others may follow, and an Odori that leaves its outboxes to them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.debezium.connect import PROGRAM
from tests.e2e.conftest import emptied
from tests.postgres.conftest import new_database
from tests.services import need
from tests.services.best import Tell, best, kafka
from tests.stores import remember

__all__ = ["emptied", "kafka"]


@pytest.fixture(scope="session")
def postgres(record_testsuite_property: Tell) -> Iterator[str]:
    """The URL of a real PostgreSQL that decodes its log."""
    need(PROGRAM.lacking())
    options = {"settings": {"wal_level": "logical"}}
    with best("postgres", record_testsuite_property, **options) as server:
        yield server.url


@pytest.fixture
def data(tmp_path: Path, postgres: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder whose stores are in a database of its own, and whose relays publish nothing."""
    remember(tmp_path / "data", new_database(postgres))
    monkeypatch.setenv("ODORI_RELAY", "off")
    return tmp_path / "data"
