"""The bindings that the engine's conformance suite runs against; a new one is one more class."""

import asyncio
import atexit
import os
from functools import lru_cache
from pathlib import Path
from typing import Any

import asyncpg

from infra.engine.engine import Engine
from infra.engine.postgres import PostgresEngine
from infra.engine.sqlite import SqliteEngine
from tests.services import need
from tests.services.postgres import Postgres, lacking, running


class SqliteBinding:
    """One file; every `open` opens it once more, as another process would."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "shop.db"

    def open(self, **options: Any) -> Engine:
        return SqliteEngine.open(self.path, **({"busy_ms": 50} | options))


class PostgresBinding:
    """One database of a cluster that all tests share; every `open` is one more process."""

    def __init__(self, folder: Path) -> None:
        self.server = postgres()
        self.name = f"t{os.urandom(8).hex()}"
        asyncio.run(self._execute(f"CREATE DATABASE {self.name}"))

    def open(self, **options: Any) -> Engine:
        url = self.server.url.rpartition("/")[0] + f"/{self.name}"
        return PostgresEngine(url, **({"busy_ms": 50} | options))

    async def _execute(self, sql: str) -> None:
        connection = await asyncpg.connect(self.server.url)
        await connection.execute(sql)
        await connection.close()


@lru_cache
def postgres() -> Postgres:
    """A cluster for the whole session, or the reason why there is none."""
    need(lacking())
    context = running(fsync=False)
    server = context.__enter__()
    atexit.register(context.__exit__, None, None, None)
    return server
