"""The engine's configuration, by ScalarDB's property names."""

from infra.engine.engine import Isolation

from .load import load, odori_store
from .settings import (
    CassandraStorage,
    CommitOptions,
    GroupCommitOptions,
    JdbcIsolation,
    Pool,
    PostgresStorage,
    Settings,
    SqliteStorage,
    Storage,
)

__all__ = [
    "CassandraStorage",
    "CommitOptions",
    "GroupCommitOptions",
    "Isolation",
    "JdbcIsolation",
    "Pool",
    "PostgresStorage",
    "Settings",
    "SqliteStorage",
    "Storage",
    "load",
    "odori_store",
]
