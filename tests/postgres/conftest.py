"""Data folders whose stores are in a database of their own."""

import asyncio
import os
import shutil
from pathlib import Path

import pytest

from tests.books.conftest import _a_day_of_trade
from tests.e2e.conftest import emptied
from tests.services.best import cassandra, kafka, postgres
from tests.stores import on_postgres, remember, store_of

__all__ = ["cassandra", "emptied", "kafka", "postgres"]


def new_database(server: str, template: str = "template1") -> str:
    """The URL of an empty database, or of a copy of one that nobody uses."""
    name = f"t{os.urandom(8).hex()}"
    on_postgres(server, f"CREATE DATABASE {name} TEMPLATE {template}")
    return f"{server.rpartition('/')[0]}/{name}"


@pytest.fixture
def database(postgres: str) -> str:
    """The URL of an empty database."""
    return new_database(postgres)


@pytest.fixture
def tmp_path(tmp_path: Path, database: str) -> Path:
    """A folder that remembers the database, and so does the one in it."""
    remember(tmp_path, database)
    remember(tmp_path / "data", database)
    return tmp_path


@pytest.fixture(scope="session")
def _traded(tmp_path_factory: pytest.TempPathFactory, postgres: str) -> Path:
    data = tmp_path_factory.mktemp("traded") / "data"
    remember(data, new_database(postgres))
    asyncio.run(_a_day_of_trade(data))
    return data


@pytest.fixture
def traded(_traded: Path, tmp_path: Path, postgres: str) -> Path:
    """What the files' fixture of this name is: folder and database are copies of one's own."""
    data = tmp_path / "data"
    template = store_of(_traded).rpartition("/")[2]
    shutil.copytree(_traded, data, dirs_exist_ok=True)
    remember(data, new_database(postgres, template))
    return data
