"""The engine's conformance suite runs against every binding."""

import asyncio
import inspect
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from infra.engine.engine import Engine
from tests.conformance.engine.bindings import (
    CassandraBinding,
    MultiBinding,
    PostgresBinding,
    SqliteBinding,
)
from tests.conformance.engine.cases import TABLES, Use

BINDINGS: list[Any] = [SqliteBinding, PostgresBinding, MultiBinding, CassandraBinding]


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "needs(what): only for bindings that `can` do this")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Every test with every binding, but for those that cannot do by nature what it is about."""
    if "binding" in metafunc.fixturenames:
        needs = {mark.args[0] for mark in metafunc.definition.iter_markers("needs")}
        marks = {CassandraBinding: pytest.mark.service}
        metafunc.parametrize(
            "binding",
            [
                pytest.param(binding, marks=marks.get(binding, ()))
                for binding in BINDINGS
                if needs <= binding.can
            ],
            indirect=True,
        )


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run a coroutine test in an event loop of its own."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    wanted = inspect.signature(pyfuncitem.obj).parameters
    asyncio.run(pyfuncitem.obj(**{name: pyfuncitem.funcargs[name] for name in wanted}))
    return True


@pytest.fixture
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
