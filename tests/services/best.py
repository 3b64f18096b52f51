"""Servers in containers where a Docker engine answers; else, at home, as processes. Fixtures for a
suite to import: they stand in for those of all suites, which are processes."""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import pytest

from infra import containers
from tests.services import cassandra as native_cassandra
from tests.services import compose, need
from tests.services import kafka as native_kafka
from tests.services import postgres as native_postgres
from tests.services.process import Server

__all__ = ["cassandra", "kafka", "postgres"]

Tell = Callable[[str, object], None]
AnyServer = containers.Container | Server

_NATIVE = {"kafka": native_kafka, "postgres": native_postgres, "cassandra": native_cassandra}
_CONTAINERS: dict[str, type[containers.Container]] = {
    "kafka": containers.Kafka,
    "postgres": containers.Postgres,
    "cassandra": containers.Cassandra,
}


@contextmanager
def best(
    name: str, tell: Tell = lambda _, __: None, **options: Mapping[str, str]
) -> Iterator[AnyServer]:
    """The best of this name that can be had here, started; `tell` hears which it is. `options` are
    its kind's own, such as a PostgreSQL's `settings`."""
    reason = containers.lacking()
    if reason is None:
        kind = _CONTAINERS[name]
        if not containers.has_image(kind.image):
            compose.images(name)
        with kind(**options) as server:
            tell("ran", f"container {server.called} ({server.image})")
            yield server
        return
    if os.environ.get("CI") == "true":
        need(f"{name} must run in a container: {reason}")
    need(_NATIVE[name].lacking())
    with _NATIVE[name].running(**options) as process:
        tell("ran", f"{process.name} as a process: {reason}")
        yield process


@pytest.fixture(scope="session")
def kafka(record_testsuite_property: Tell) -> Iterator[str]:
    """The address of a real Kafka."""
    with best("kafka", record_testsuite_property) as server:
        yield server.address


@pytest.fixture(scope="session")
def postgres(record_testsuite_property: Tell) -> Iterator[str]:
    """The URL of a real PostgreSQL; what a test makes in it is its own to name."""
    with best("postgres", record_testsuite_property) as server:
        yield server.url


@pytest.fixture(scope="session")
def cassandra(record_testsuite_property: Tell) -> Iterator[str]:
    """The address of a real Cassandra; what a test makes in it is its own to name."""
    with best("cassandra", record_testsuite_property) as server:
        yield server.address
