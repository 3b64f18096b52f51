"""What every suite may ask for."""

import asyncio
import inspect
from collections.abc import Iterator

import pytest

from tests.services import cassandra as cassandra_server
from tests.services import kafka as kafka_server
from tests.services import need
from tests.services import postgres as postgres_server


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
    need(kafka_server.lacking())
    with kafka_server.running() as server:
        yield server.address


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The URL of a real PostgreSQL; what a test makes in it is its own to name."""
    need(postgres_server.lacking())
    with postgres_server.running() as server:
        yield server.url


@pytest.fixture(scope="session")
def cassandra() -> Iterator[str]:
    """The address of a real Cassandra; what a test makes in it is its own to name."""
    need(cassandra_server.lacking())
    with cassandra_server.running() as server:
        yield server.address
