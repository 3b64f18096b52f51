"""The engine's configuration, by ScalarDB's property names."""

from .load import load, odori_store
from .settings import (
    CassandraStorage,
    ConsensusCommit,
    CrossPartitionScan,
    GroupCommit,
    Isolation,
    JdbcIsolation,
    Pool,
    PostgresStorage,
    Settings,
    SqliteStorage,
    Storage,
)

__all__ = [
    "CassandraStorage",
    "ConsensusCommit",
    "CrossPartitionScan",
    "GroupCommit",
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
