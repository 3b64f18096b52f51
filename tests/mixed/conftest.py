"""Where both engines meet, as for the tests of one side after the other."""

from tests.interop.conftest import (
    cassandra_place,
    java,
    namespace,
    place,
    postgres_place,
    sqlite_place,
)

__all__ = ["cassandra_place", "java", "namespace", "place", "postgres_place", "sqlite_place"]
