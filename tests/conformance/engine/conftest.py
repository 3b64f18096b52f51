"""The engine's conformance suite runs against every binding."""

import asyncio
import inspect
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from infra.engine.engine import Engine
from tests.conformance.engine.bindings import MultiBinding, PostgresBinding, SqliteBinding
from tests.conformance.engine.cases import TABLES, Use


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run a coroutine test in an event loop of its own."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    wanted = inspect.signature(pyfuncitem.obj).parameters
    asyncio.run(pyfuncitem.obj(**{name: pyfuncitem.funcargs[name] for name in wanted}))
    return True


@pytest.fixture(params=[SqliteBinding, PostgresBinding, MultiBinding])
def binding(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    return request.param(tmp_path)


@pytest.fixture
def use(binding: Any) -> Use:
    @asynccontextmanager
    async def opened(**options: Any) -> AsyncIterator[Engine]:
        engine = binding.open(**options)
        try:
            await engine.apply(TABLES)
            await engine.admin.create_coordinator_tables()
            yield engine
        finally:
            await engine.close()

    return opened
