"""Where both engines meet, as for the tests of one side after the other."""

from pathlib import Path

import pytest

from tests.interop.conftest import (
    cassandra_place,
    java,
    namespace,
    place,
    postgres_place,
    sqlite_place,
)
from tests.interop.java import Java
from tests.interop.places import Place
from tests.mixed.sides import Sides

__all__ = ["cassandra_place", "java", "namespace", "place", "postgres_place", "sqlite_place"]


@pytest.fixture
def lists(java: Java, place: Place, namespace: str, tmp_path: Path) -> Sides:
    """A table of lists."""
    sides = Sides(java, place, namespace, "list", tmp_path)
    sides.shop.create({"k": "INT", "v": "TEXT"}, ["k"])
    return sides
