"""Where both engines meet: a database, how ScalarDB's properties name it, and its raw rows."""

import sqlite3
from abc import ABC, abstractmethod
from contextlib import closing
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urlsplit

import asyncpg
from cassandra.cluster import Cluster, Session
from cassandra.query import dict_factory

Row = dict[str, Any]
#: Few, since a test opens several stores and each holds pools of its own.
IDLE_CONNECTIONS = "1"


class Place(ABC):
    """One database with its coordinator table in it; namespaces are for tests to name."""

    name: ClassVar[str]

    @property
    @abstractmethod
    def properties(self) -> dict[str, str]:
        """What opens it, by ScalarDB's names."""

    @abstractmethod
    async def rows(self, namespace: str, table: str) -> list[Row]:
        """All that is in the table, past any engine, in no order."""

    async def row(self, namespace: str, table: str, **wanted: Any) -> Row | None:
        """The only row that has these values, or None."""
        found = [r for r in await self.rows(namespace, table) if wanted.items() <= r.items()]
        assert len(found) <= 1, found
        return found[0] if found else None

    async def coordinator(self, tx: str) -> Row | None:
        """What is written about a transaction under exactly this id."""
        return await self.row("coordinator", "state", tx_id=tx)


class Jdbc(Place):
    """What ScalarDB reaches through a JDBC driver."""

    @property
    @abstractmethod
    def jdbc_url(self) -> str: ...

    @property
    def properties(self) -> dict[str, str]:
        pools = ("connection_pool", "admin.connection_pool", "table_metadata.connection_pool")
        return {
            "scalar.db.storage": "jdbc",
            "scalar.db.contact_points": self.jdbc_url,
            "scalar.db.username": "odori",
            "scalar.db.password": "",
            **{f"scalar.db.jdbc.{pool}.min_idle": IDLE_CONNECTIONS for pool in pools},
        }


class PostgresPlace(Jdbc):
    """A PostgreSQL by its URL."""

    name = "postgres"

    def __init__(self, url: str) -> None:
        self.url = url

    @property
    def jdbc_url(self) -> str:
        parts = urlsplit(self.url)
        return f"jdbc:postgresql://{parts.hostname}:{parts.port}{parts.path}"

    async def execute(self, sql: str, *arguments: Any) -> list[Row]:
        """One statement, committed, and its rows."""
        connection = await asyncpg.connect(self.url)
        try:
            return [dict(record) for record in await connection.fetch(sql, *arguments)]
        finally:
            await connection.close()

    async def rows(self, namespace: str, table: str) -> list[Row]:
        return await self.execute(f'SELECT * FROM "{namespace}"."{table}"')


class SqlitePlace(Jdbc):
    """A SQLite file, with the journal that lets readers recover (SQLite's default does not)."""

    name = "sqlite"

    def __init__(self, file: Path) -> None:
        self.file = file

    @property
    def jdbc_url(self) -> str:
        return f"jdbc:sqlite:{self.file}?busy_timeout=10000&journal_mode=wal"

    async def execute(self, sql: str, *arguments: Any) -> list[Row]:
        """One statement, committed, and its rows."""
        with closing(sqlite3.connect(self.file, timeout=10)) as connection, connection:
            cursor = connection.execute(sql, arguments)
            names = [column[0] for column in cursor.description or ()]
            return [dict(zip(names, values, strict=True)) for values in cursor.fetchall()]

    async def rows(self, namespace: str, table: str) -> list[Row]:
        return await self.execute(f'SELECT * FROM "{namespace}${table}"')


class CassandraPlace(Place):
    """A Cassandra by its address."""

    name = "cassandra"

    def __init__(self, address: str) -> None:
        host, _, port = address.partition(":")
        self.host, self.port = host, int(port)
        self._cluster = Cluster([host], port=self.port)
        self.session: Session = self._cluster.connect()
        self.session.row_factory = dict_factory

    @property
    def properties(self) -> dict[str, str]:
        return {
            "scalar.db.storage": "cassandra",
            "scalar.db.contact_points": self.host,
            "scalar.db.contact_port": str(self.port),
        }

    async def rows(self, namespace: str, table: str) -> list[Row]:
        return list(self.session.execute(f'SELECT * FROM "{namespace}"."{table}"'))

    def close(self) -> None:
        """Its connections and threads."""
        self._cluster.shutdown()


def together(default: Place, homes: dict[str, Place]) -> dict[str, str]:
    """Several places as one multi-storage: namespaces have homes; the coordinator has `default`."""
    places = {place.name: place for place in (default, *homes.values())}
    mapping = [f"{namespace}:{place.name}" for namespace, place in homes.items()]
    root = "scalar.db.multi_storage"
    return {
        "scalar.db.storage": "multi-storage",
        f"{root}.storages": ",".join(places),
        f"{root}.namespace_mapping": ",".join([*mapping, f"coordinator:{default.name}"]),
        f"{root}.default_storage": default.name,
        **{
            f"{root}.storages.{name}.{key.removeprefix('scalar.db.')}": value
            for name, place in places.items()
            for key, value in place.properties.items()
        },
    }
