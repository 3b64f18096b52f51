"""What the engine is told: its storages, what lies where, and how transactions are committed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import ClassVar

from infra.engine.engine import Isolation
from infra.engine.errors import ConfigError


class JdbcIsolation(StrEnum):
    """The isolation of the database's own transactions."""

    READ_UNCOMMITTED = "READ_UNCOMMITTED"
    READ_COMMITTED = "READ_COMMITTED"
    REPEATABLE_READ = "REPEATABLE_READ"
    SERIALIZABLE = "SERIALIZABLE"


@dataclass(frozen=True)
class Pool:
    """How many connections one process keeps to one PostgreSQL."""

    #: Connections kept open though nobody uses them; never more than max_total. ScalarDB: 20.
    min_idle: int = 1
    #: Idle connections above this are closed; without it as many as max_total. ScalarDB before
    #: 3.18 knew it, later ones do not read it.
    max_idle: int | None = None
    #: One event loop keeps no more than these busy, and the database serves few at once faster
    #: than many; ScalarDB, whose clients are threads: 200. PostgreSQL itself allows 100 in all.
    max_total: int = 10
    #: How long one waits for a connection; 0: without end.
    connection_timeout_millis: int = 30_000
    #: After this an idle connection above min_idle is closed; 0: never.
    idle_timeout_millis: int = 600_000


@dataclass(frozen=True)
class PostgresStorage:
    """One PostgreSQL database, by its hosts in the order in which they are tried."""

    kind: ClassVar[str] = "jdbc-postgresql"

    name: str
    contact_points: tuple[tuple[str, int], ...]
    database: str
    username: str = ""
    password: str = field(default="", repr=False)
    pool: Pool = Pool()
    #: The database's own default, if none is given.
    isolation_level: JdbcIsolation | None = None
    #: disable, allow, prefer, require, verify-ca or verify-full.
    sslmode: str = "prefer"
    sslrootcert: str = ""
    sslcert: str = ""
    sslkey: str = ""
    connect_timeout_seconds: int = 10
    #: Which of the hosts may serve: any, primary, standby or prefer-standby.
    target: str = "any"
    #: Set in each session: search_path, application_name.
    server_settings: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class SqliteStorage:
    """One SQLite file."""

    kind: ClassVar[str] = "jdbc-sqlite"

    name: str
    path: str
    busy_timeout_millis: int = 3_000


@dataclass(frozen=True)
class CassandraStorage:
    """One Cassandra cluster."""

    kind: ClassVar[str] = "cassandra"

    name: str
    contact_points: tuple[str, ...]
    contact_port: int = 9042
    username: str = ""
    password: str = field(default="", repr=False)
    #: The first contact point's, if none is given.
    local_datacenter: str = ""
    #: Of the keyspaces that are created here.
    replication_strategy: str = "SimpleStrategy"
    replication_factor: int = 1
    compaction_strategy: str = "STCS"


Storage = PostgresStorage | SqliteStorage | CassandraStorage


@dataclass(frozen=True)
class GroupCommitOptions:
    """Transactions whose states are written to the coordinator as one row."""

    enabled: bool = False
    slot_capacity: int = 20
    #: A group is closed to newcomers after this; an upper bound, a lone one need not wait.
    group_size_fix_timeout_millis: int = 40
    #: Who is not ready after this gets a group of its own.
    delayed_slot_move_timeout_millis: int = 1_200
    old_group_abort_timeout_millis: int = 60_000


@dataclass(frozen=True)
class CommitOptions:
    """How transactions are committed; the defaults are ScalarDB's but for `one_phase_commit`."""

    isolation_level: Isolation = Isolation.SNAPSHOT
    coordinator_namespace: str = "coordinator"
    parallel_executor_count: int = 128
    parallel_preparation: bool = True
    parallel_validation: bool = True
    parallel_commit: bool = True
    parallel_rollback: bool = True
    async_commit: bool = False
    async_rollback: bool = False
    #: TRUE, where ScalarDB's default is false: what lies in one atomicity group is committed by one
    #: database transaction and no coordinator row. Readers of every version understand such rows;
    #: false for those who must find each transaction in the coordinator.
    one_phase_commit: bool = True
    #: A transaction that wrote nothing leaves no coordinator row.
    write_omission_on_read_only: bool = True
    group_commit: GroupCommitOptions = GroupCommitOptions()


@dataclass(frozen=True)
class Settings:
    """Everything that a configuration says; `notes` is what it says in vain, a line each."""

    storages: Mapping[str, Storage] = field(default_factory=dict)
    default_storage: str = ""
    namespace_mapping: Mapping[str, str] = field(default_factory=dict)
    #: By `namespace.table`; stronger than namespace_mapping.
    table_mapping: Mapping[str, str] = field(default_factory=dict)
    consensus_commit: CommitOptions = CommitOptions()
    #: Whether a scan without a partition key is let through.
    cross_partition_scan: bool = True
    notes: tuple[str, ...] = ()

    def storage_of(self, namespace: str, table: str = "") -> Storage:
        """Where a namespace lies, or one table of it."""
        name = self.table_mapping.get(f"{namespace}.{table}") or self.namespace_mapping.get(
            namespace, self.default_storage
        )
        if not name:
            raise ConfigError("no storage is configured: set scalar.db.storage and contact_points")
        return self.storages[name]
