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


def ready(java: scalardb.Java, place: Place) -> None:
    """Give it coordinator tables that take grouped commits too, and open the store of its name."""
    java.ask("open", store=place.name, properties={**place.properties, **GROUP_COMMIT})
    java.ask("createCoordinatorTables", store=place.name)
    java.ask("open", store=place.name, properties=place.properties)


@pytest.fixture(scope="session")
def postgres_place(java: scalardb.Java, postgres: str) -> PostgresPlace:
    place = PostgresPlace(postgres)
    ready(java, place)
    return place


@pytest.fixture(scope="session")
def sqlite_place(java: scalardb.Java, tmp_path_factory: pytest.TempPathFactory) -> SqlitePlace:
    place = SqlitePlace(Path(tmp_path_factory.mktemp("sqlite")) / "store.db")
    ready(java, place)
    return place


@pytest.fixture(scope="session")
def cassandra_place(java: scalardb.Java, cassandra: str) -> Iterator[CassandraPlace]:
    place = CassandraPlace(cassandra)
    ready(java, place)
    yield place
    place.close()


@pytest.fixture(scope="session", params=PLACES)
def place(request: pytest.FixtureRequest) -> Place:
    """Each database in turn; the store of its name has the library's defaults."""
    found: Place = request.getfixturevalue(f"{request.param}_place")
    return found


@pytest.fixture
def namespace(place: Place, java: scalardb.Java) -> str:
    """A namespace that no other test uses."""
    name = f"app{next(_numbers)}"
    java.ask("createNamespace", store=place.name, namespace=name)
    return name
