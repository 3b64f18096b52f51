"""ScalarDB's driver, and the three databases that both sides meet on."""

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from tests.interop import java as scalardb
from tests.interop.places import CassandraPlace, Place, PostgresPlace, SqlitePlace
from tests.services import need

PLACES = ("postgres", "sqlite", "cassandra")
GROUP_COMMIT = {"scalar.db.consensus_commit.coordinator.group_commit.enabled": "true"}
_numbers = count(1)


@pytest.fixture(scope="session")
def java() -> Iterator[scalardb.Java]:
    """ScalarDB, driven; stores are for a test to open, and its to name."""
    need(scalardb.lacking())
    with scalardb.running() as driver:
        yield driver


@pytest.fixture(scope="session")
def postgres_place(postgres: str) -> PostgresPlace:
    return PostgresPlace(postgres)


@pytest.fixture(scope="session")
def sqlite_place(tmp_path_factory: pytest.TempPathFactory) -> SqlitePlace:
    return SqlitePlace(Path(tmp_path_factory.mktemp("sqlite")) / "store.db")


@pytest.fixture(scope="session")
def cassandra_place(cassandra: str) -> Iterator[CassandraPlace]:
    place = CassandraPlace(cassandra)
    yield place
    place.close()


@pytest.fixture(scope="session", params=PLACES)
def place(request: pytest.FixtureRequest, java: scalardb.Java) -> Place:
    """Each database in turn, with coordinator tables that take grouped commits too.

    The store of its name is open with the library's defaults.
    """
    found: Place = request.getfixturevalue(f"{request.param}_place")
    java.ask("open", store="making", properties={**found.properties, **GROUP_COMMIT})
    java.ask("createCoordinatorTables", store="making")
    java.ask("close", store="making")
    java.ask("open", store=found.name, properties=found.properties)
    return found


@pytest.fixture
def namespace(place: Place, java: scalardb.Java) -> str:
    """A namespace that no other test uses."""
    name = f"app{next(_numbers)}"
    java.ask("createNamespace", store=place.name, namespace=name)
    return name
