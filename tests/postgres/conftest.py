"""Data folders whose stores are in a database of their own."""

import asyncio
import os
from pathlib import Path

import pytest

from tests.books.conftest import _a_day_of_trade
from tests.e2e.conftest import emptied
from tests.stores import on_postgres, remember

__all__ = ["emptied"]


@pytest.fixture
def database(postgres: str) -> str:
    """The URL of an empty database."""
    name = f"t{os.urandom(8).hex()}"
    on_postgres(postgres, f"CREATE DATABASE {name}")
    return f"{postgres.rpartition('/')[0]}/{name}"


@pytest.fixture
def tmp_path(tmp_path: Path, database: str) -> Path:
    """A folder that remembers the database, and so does the one in it."""
    remember(tmp_path, database)
    remember(tmp_path / "data", database)
    return tmp_path


@pytest.fixture
def traded(tmp_path: Path) -> Path:
    """What the files' fixture of this name is."""
    asyncio.run(_a_day_of_trade(tmp_path / "data"))
    return tmp_path / "data"
