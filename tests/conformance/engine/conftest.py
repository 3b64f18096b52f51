"""The bindings that the engine's conformance suite runs against; a new one is one more class."""

import asyncio
import atexit
import inspect
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from infra.engine.engine import Engine
from infra.engine.postgres import PostgresEngine
from infra.engine.sqlite import SqliteEngine
from tests.conformance.engine.cases import TABLES, Use
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


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run a coroutine test in an event loop of its own."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    wanted = inspect.signature(pyfuncitem.obj).parameters
    asyncio.run(pyfuncitem.obj(**{name: pyfuncitem.funcargs[name] for name in wanted}))
    return True


@pytest.fixture(params=[SqliteBinding, PostgresBinding])
def binding(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    return request.param(tmp_path)


@pytest.fixture
def use(binding: Any) -> Use:
    @asynccontextmanager
    async def opened(**options: Any) -> AsyncIterator[Engine]:
        engine = binding.open(**options)
        try:
            await engine.apply(TABLES)
            yield engine
        finally:
            await engine.close()

    return opened
