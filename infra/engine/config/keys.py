"""Every scalar.db.* key: what it may be, and which field it sets or why it means nothing here.

The one table of them; the loader and docs/engine-configuration.md are derived from it.
Complete for ScalarDB 3.19.0; what is not in ScalarDB says so in `remark`.
"""

from infra.engine.engine import Isolation

from .allowed import FLAG, NAME, NAMES, SECRET, TEXT, Allowed, mapping, member, one_of, whole
from .key import Key, means_nothing, of
from .settings import (
    CassandraStorage,
    CommitOptions,
    GroupCommitOptions,
    JdbcIsolation,
    Pool,
    PostgresStorage,
    Settings,
    SqliteStorage,
)

_PG, _LITE, _CASS = PostgresStorage, SqliteStorage, CassandraStorage
_ENGINES = "Odori's engine has no others"
_MILLIS = whole(1)

DATABASE = [
    Key(
        "storage",
        one_of("jdbc", "cassandra", "multi-storage", why=_ENGINES),
        (_PG, _LITE, _CASS),
        "kind",
        remark="cassandra, if there are contact points",
    ),
    Key("contact_points", TEXT, (_PG, _LITE, _CASS), "contact_points", remark="a JDBC URL"),
    of(_CASS, "contact_port", whole(0, 65_535), remark="0 means 9042"),
    Key("username", TEXT, (_PG, _CASS), "username"),
    Key("password", SECRET, (_PG, _CASS), "password"),
    Key(
        "transaction_manager",
        one_of("consensus-commit", why=f"{_ENGINES}: no single-crud-operation, jdbc or cluster"),
        remark="the default",
    ),
    of(Settings, "cross_partition_scan.enabled", FLAG, "cross_partition_scan"),
    *means_nothing(
        "a scan of all partitions may always be filtered, and is in the order of its keys",
        "cross_partition_scan.filtering.enabled",
        "cross_partition_scan.ordering.enabled",
        allowed=FLAG,
    ),
    *means_nothing(
        "a scan takes its rows in as few pages as it can", "scan_fetch_size", allowed=whole(1)
    ),
    *means_nothing(
        "a table's shape is what the program declares",
        "metadata.cache_expiration_time_secs",
        allowed=whole(-1),
    ),
    *means_nothing(
        "metadata is kept where ScalarDB keeps it by default",
        "system_namespace_name",
        "jdbc.table_metadata.schema",
        allowed=one_of("scalardb", why="the engine looks nowhere else"),
    ),
    *means_nothing(
        "a transaction belongs to the process that began it, which ends it",
        "active_transaction_management.enabled",
        "active_transaction_management.expiration_time_millis",
        "active_transaction_management.max_active_transactions",
    ),
    *means_nothing(
        "an operation's attributes are its own arguments", "attribute_propagation.enabled"
    ),
    *means_nothing("every operation names its namespace", "default_namespace_name"),
]

MULTI_STORAGE = [
    Key("multi_storage.storages", NAMES, (Settings,), "storages"),
    of(Settings, "multi_storage.default_storage", NAME, remark="required with multi-storage"),
    of(Settings, "multi_storage.namespace_mapping", mapping("namespace")),
    of(
        Settings,
        "multi_storage.table_mapping",
        mapping("table"),
        remark="`namespace.table:storage`; ScalarDB 4 will not have it, map namespaces instead",
    ),
]

JDBC = [
    of(Pool, "jdbc.connection_pool.min_idle", whole(0, 10_000), remark="at most max_total"),
    of(
        Pool,
        "jdbc.connection_pool.max_idle",
        whole(0, 10_000),
        remark="as max_total; not in ScalarDB since 3.18",
    ),
    of(Pool, "jdbc.connection_pool.max_total", whole(1, 10_000)),
    of(Pool, "jdbc.connection_pool.connection_timeout_millis", whole(0)),
    of(Pool, "jdbc.connection_pool.idle_timeout_millis", whole(0)),
    of(_PG, "jdbc.isolation_level", member(JdbcIsolation), remark="the database's own"),
    *means_nothing(
        "the pool has no such clock",
        "jdbc.connection_pool.max_lifetime_millis",
        "jdbc.connection_pool.keepalive_time_millis",
    ),
    *means_nothing(
        "one pool serves rows, tables and metadata",
        *(
            f"jdbc.{pool}.connection_pool.{name}"
            for pool in ("table_metadata", "admin")
            for name in (
                "min_idle",
                "max_idle",
                "max_total",
                "connection_timeout_millis",
                "idle_timeout_millis",
                "max_lifetime_millis",
                "keepalive_time_millis",
            )
        ),
    ),
    *means_nothing(
        "the driver prepares each statement once",
        "jdbc.prepared_statements_pool.enabled",
        "jdbc.prepared_statements_pool.max_open",
    ),
    *means_nothing(
        "it is for a database that Odori's engine does not speak",
        "jdbc.mysql.variable_key_column_size",
        "jdbc.oracle.variable_key_column_size",
        "jdbc.db2.variable_key_column_size",
        "jdbc.oracle.time_column.default_date_component",
        "jdbc.db2.time_column.default_date_component",
        "jdbc.spanner.time_column.default_date_component",
    ),
]

_ADMIN = "not in ScalarDB, whose admin takes it with each namespace"
CASSANDRA = [
    of(
        _CASS,
        "cassandra.local_datacenter",
        TEXT,
        remark="the first contact point's; not in ScalarDB",
    ),
    of(
        _CASS,
        "cassandra.replication_strategy",
        one_of("SimpleStrategy", "NetworkTopologyStrategy"),
        remark=_ADMIN,
    ),
    of(_CASS, "cassandra.replication_factor", whole(1, 100), remark=_ADMIN),
    of(_CASS, "cassandra.compaction_strategy", one_of("STCS", "LCS", "TWCS"), remark=_ADMIN),
]

_CC = "consensus_commit."


def _parallel(what: str, follows: str = "") -> Key:
    name = f"{_CC}parallel_{what}"
    return Key(
        f"{name}.enabled",
        FLAG,
        (CommitOptions,),
        f"parallel_{what}",
        spellings=(f"{name}_enabled",),
        follows=follows,
    )


def _commit(name: str, allowed: Allowed = FLAG, field: str = "") -> Key:
    """`name` is the field, with `.enabled` after it for a flag."""
    field = field or name.removesuffix(".enabled").replace(".", "_")
    return Key(_CC + name, allowed, (CommitOptions,), field)


COMMIT = [
    Key(
        f"{_CC}isolation_level",
        member(Isolation),
        (CommitOptions,),
        "isolation_level",
        spellings=("isolation_level",),
    ),
    _commit("coordinator.namespace", NAME),
    *means_nothing(
        "participants know each other by their transaction's id",
        f"{_CC}participant_id",
        allowed=TEXT,
    ),
    _commit("parallel_executor_count", whole(1, 10_000)),
    _parallel("preparation"),
    _parallel("commit"),
    _parallel("validation", f"{_CC}parallel_commit.enabled"),
    _parallel("rollback", f"{_CC}parallel_commit.enabled"),
    _commit("async_commit.enabled"),
    Key(
        f"{_CC}async_rollback.enabled",
        FLAG,
        (CommitOptions,),
        "async_rollback",
        follows=f"{_CC}async_commit.enabled",
    ),
    *means_nothing(
        "rows that a commit has to read are always read together",
        f"{_CC}parallel_implicit_pre_read.enabled",
        allowed=FLAG,
    ),
    Key(
        f"{_CC}one_phase_commit.enabled",
        FLAG,
        (CommitOptions,),
        "one_phase_commit",
        remark="ScalarDB's default is false",
    ),
    _commit("coordinator.write_omission_on_read_only.enabled", field="write_omission_on_read_only"),
    *means_nothing(
        "indexes on the image before are always made and asked",
        f"{_CC}index.eventually_consistent_read.enabled",
        allowed=FLAG,
    ),
    *means_nothing(
        "nothing here reads what a transaction wrote from its coordinator's row",
        f"{_CC}coordinator.write_set_logging.enabled",
        allowed=FLAG,
    ),
    *means_nothing(
        "EXTRA_READ is the only one that is left",
        f"{_CC}serializable_strategy",
        allowed=one_of("EXTRA_READ", "EXTRA_WRITE"),
    ),
    *means_nothing(
        "what a transaction reads never holds the protocol's columns",
        f"{_CC}include_metadata.enabled",
        allowed=FLAG,
    ),
    *means_nothing(
        "the table is always called state; ScalarDB has no such key",
        f"{_CC}coordinator.table",
        allowed=one_of("state"),
    ),
]

_GROUP = f"{_CC}coordinator.group_commit."
GROUP_COMMIT = [
    of(GroupCommitOptions, f"{_GROUP}enabled", FLAG),
    of(GroupCommitOptions, f"{_GROUP}slot_capacity", whole(1, 10_000)),
    *(
        of(GroupCommitOptions, f"{_GROUP}{name}_millis", _MILLIS)
        for name in (
            "group_size_fix_timeout",
            "delayed_slot_move_timeout",
            "old_group_abort_timeout",
        )
    ),
    *means_nothing(
        "each group has timers of its own",
        f"{_GROUP}timeout_check_interval_millis",
        allowed=_MILLIS,
    ),
    *means_nothing("metrics are always kept", f"{_GROUP}metrics_monitor_log_enabled", allowed=FLAG),
]

ELSEWHERE = [
    *means_nothing(
        "Odori's engine has no such storage",
        "cosmos.table_metadata.database",
        "cosmos.consistency_level",
        "dynamo.endpoint_override",
        "dynamo.endpoint-override",
        "dynamo.table_metadata.namespace",
        "dynamo.namespace.prefix",
        "s3.table_metadata.namespace",
        "s3.multipart_upload_part_size_bytes",
        "s3.multipart_upload_max_concurrency",
        "s3.multipart_upload_threshold_size_bytes",
        "s3.request_timeout_secs",
        "blob_storage.table_metadata.namespace",
        "blob_storage.parallel_upload_block_size_bytes",
        "blob_storage.parallel_upload_max_concurrency",
        "blob_storage.parallel_upload_threshold_size_bytes",
        "blob_storage.request_timeout_secs",
        "cloud_storage.table_metadata.namespace",
        "cloud_storage.upload_chunk_size_bytes",
    ),
    *means_nothing(
        "it is of ScalarDB's servers, of which there is none",
        "cluster.*",
        "server.*",
        "replication.*",
    ),
    *means_nothing("it is of ScalarDB's other interfaces", "sql.*", "graphql.*", "embedding.*"),
]

KEYS = [*DATABASE, *MULTI_STORAGE, *JDBC, *CASSANDRA, *COMMIT, *GROUP_COMMIT, *ELSEWHERE]
BY_NAME = {name: key for key in KEYS for name in (key.name, *key.spellings)}
