"""The bindings that the engine's conformance suite runs against; a new one is one more class."""

import asyncio
import atexit
import os
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import asyncpg

from infra.clock import now_ms
from infra.engine.cassandra import CassandraStorage
from infra.engine.config import CassandraStorage as CassandraSettings
from infra.engine.consensus import ConsensusCommit
from infra.engine.engine import Engine
from infra.engine.postgres import PostgresEngine, PostgresStorage
from infra.engine.sqlite import SqliteEngine
from infra.engine.sqlite.storage import SqliteStorage
from infra.engine.storage import Storage
from tests.conformance.engine.cutting import cassandra_frames, postgres_frames
from tests.conformance.engine.shop import emptied
from tests.services import cassandra, need
from tests.services.postgres import Postgres, lacking, running


class SqliteBinding:
    """One file; every `open` opens it once more, as another process would."""

    can = frozenset({"sqlite", "lock", "assume", "notice", "refuse U+0000", "TIMESTAMP"})

    def __init__(self, folder: Path) -> None:
        self.path = folder / "shop.db"

    def open(self, **options: Any) -> Engine:
        return SqliteEngine.open(self.path, **({"busy_ms": 50} | options))


class PostgresBinding:
    """One database of a cluster that all tests share; every `open` is one more process, maybe
    through another `port`."""

    can = frozenset({"postgres", "lock", "assume", "notice", "refuse U+0000", "TIMESTAMP", "lose"})
    framing = staticmethod(postgres_frames)

    def __init__(self, folder: Path) -> None:
        self.name, self.address = database(), postgres().address

    def open(self, *, port: int | None = None, **options: Any) -> Engine:
        return PostgresEngine(url_of(self.name, port), **({"busy_ms": 50} | options))


class MultiBinding:
    """Orders on SQLite, everything else and the coordinator on PostgreSQL, maybe through another
    `port`."""

    can = frozenset({"mapped", "lock", "assume", "notice", "refuse U+0000", "TIMESTAMP", "lose"})
    framing = staticmethod(postgres_frames)

    def __init__(self, folder: Path) -> None:
        self.path = folder / "orders.db"
        self.name, self.address = database(), postgres().address

    def open(self, *, port: int | None = None, **options: Any) -> Engine:
        commit = {"options": options.pop("options", None), "clock": options.get("clock", now_ms)}
        options = {"busy_ms": 50} | options
        storages: list[Storage] = [
            PostgresStorage(url_of(self.name, port), **options),
            SqliteStorage(self.path, **options),
        ]
        return ConsensusCommit(storages, tables={"shop.orders": "sqlite"}, **commit)


class CassandraBinding:
    """A cluster that all tests share, its tables empty; every `open` is one more process, maybe
    through another `port`, where the driver stays: it takes no node's own word for its address."""

    can = frozenset({"cassandra", "lose"})
    framing = staticmethod(cassandra_frames)

    def __init__(self, folder: Path) -> None:
        del folder
        self.address = cassandra_server().address
        host, port = self.address.split(":")
        self.settings = CassandraSettings("cassandra", (host,), int(port))
        asyncio.run(emptied(self.settings))

    def open(self, *, port: int | None = None, busy_ms: int = 0, **options: Any) -> Engine:
        del busy_ms  # nothing is ever locked
        settings = replace(self.settings, contact_port=port) if port else self.settings
        commit = {key: options[key] for key in ("options", "clock") if key in options}
        options.pop("options", None)
        return ConsensusCommit([CassandraStorage(settings, **options)], **commit)


def database() -> str:
    """A new database of the cluster that all tests share."""
    name = f"t{os.urandom(8).hex()}"

    async def create() -> None:
        connection = await asyncpg.connect(postgres().url)
        await connection.execute(f"CREATE DATABASE {name}")
        await connection.close()

    asyncio.run(create())
    return name


def url_of(name: str, port: int | None = None) -> str:
    """Of a database, maybe through another port."""
    url = f"{postgres().url.rpartition('/')[0]}/{name}"
    if port:
        url = url.replace(postgres().address, f"127.0.0.1:{port}") + "?sslmode=disable"
    return url


@lru_cache
def cassandra_server() -> cassandra.Cassandra:
    """A node for the whole session, or the reason why there is none."""
    need(cassandra.lacking())
    context = cassandra.running()
    server = context.__enter__()
    atexit.register(context.__exit__, None, None, None)
    return server


@lru_cache
def postgres() -> Postgres:
    """A cluster for the whole session, or the reason why there is none."""
    need(lacking())
    context = running(fsync=False)
    server = context.__enter__()
    atexit.register(context.__exit__, None, None, None)
    return server
