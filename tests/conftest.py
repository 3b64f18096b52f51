"""What every suite may ask for."""

import asyncio
import inspect
from collections.abc import Iterator

import pytest

from tests.services import need
from tests.services.kafka import lacking, running


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run a coroutine test in an event loop of its own."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    wanted = inspect.signature(pyfuncitem.obj).parameters
    asyncio.run(pyfuncitem.obj(**{name: pyfuncitem.funcargs[name] for name in wanted}))
    return True


@pytest.fixture(scope="session")
def kafka() -> Iterator[str]:
    """The address of a real Kafka."""
    need(lacking())
    with running() as server:
        yield server.address
