"""An engine from its settings: each storage opened, namespaces mapped, and nothing asked yet."""

import ssl
from typing import Any

from infra.engine.config import CassandraStorage, PostgresStorage, Settings, SqliteStorage
from infra.engine.config.settings import CommitOptions
from infra.engine.config.settings import Storage as Configured
from infra.engine.consensus import ConsensusCommit
from infra.engine.errors import ConfigError
from infra.engine.storage import Storage


def open_engine(settings: Settings) -> ConsensusCommit:
    """The engine that these settings describe; drivers are imported only where they are needed."""
    names = [settings.default_storage, *settings.storages]
    configured = {name: settings.storages[name] for name in names if name}
    if not configured:
        raise ConfigError("no storage is configured: set scalar.db.storage and contact_points")
    return ConsensusCommit(
        [opened(one, settings.consensus_commit) for one in configured.values()],
        settings.namespace_mapping,
        settings.consensus_commit,
        tables=settings.table_mapping,
        scan_all=settings.cross_partition_scan,
    )


def opened(configured: Configured, options: CommitOptions) -> Storage:
    """One storage."""
    match configured:
        case SqliteStorage():
            from infra.engine.sqlite.storage import SqliteStorage as Sqlite

            return Sqlite(
                configured.path, name=configured.name, busy_ms=configured.busy_timeout_millis
            )
        case PostgresStorage():
            return _postgres(configured)
        case CassandraStorage():
            from infra.engine.cassandra.storage import CassandraStorage as Cassandra

            return Cassandra(configured, requests=options.parallel_executor_count)


def _postgres(configured: PostgresStorage) -> Storage:
    from infra.engine.postgres.storage import PostgresStorage as Postgres

    pool = configured.pool
    hosts, ports = zip(*configured.contact_points, strict=True)
    settings = dict(configured.server_settings)
    if configured.isolation_level:
        level = configured.isolation_level.value.replace("_", " ").lower()
        settings["default_transaction_isolation"] = level
    connect: dict[str, Any] = {
        "host": list(hosts),
        "port": list(ports),
        "database": configured.database,
        "user": configured.username or None,
        "password": configured.password or None,
        "timeout": configured.connect_timeout_seconds,
        "ssl": _tls(configured),
        "target_session_attrs": configured.target,
        "max_inactive_connection_lifetime": pool.idle_timeout_millis / 1000,
    }
    return Postgres(
        None,
        name=configured.name,
        min_size=pool.min_idle,
        max_size=pool.max_total,
        acquire_s=pool.connection_timeout_millis / 1000 or None,
        server_settings=settings,
        connect=connect,
    )


def _tls(configured: PostgresStorage) -> "str | ssl.SSLContext":
    """What asyncpg is told: the mode's name, or a context where files are given."""
    if not (configured.sslrootcert or configured.sslcert):
        return configured.sslmode
    try:
        context = ssl.create_default_context(cafile=configured.sslrootcert or None)
        if configured.sslcert:
            # without a password OpenSSL would ask the terminal for that of a locked key
            context.load_cert_chain(configured.sslcert, configured.sslkey or None, password="")
    except OSError as error:
        files = {"sslrootcert": configured.sslrootcert, "sslcert": configured.sslcert}
        named = ", ".join(f"{name}={file}" for name, file in files.items() if file)
        raise ConfigError(f"{configured.name}: {named} cannot be used: {error}") from error
    context.check_hostname = configured.sslmode == "verify-full"
    if configured.sslmode not in ("verify-ca", "verify-full"):
        context.verify_mode = ssl.CERT_NONE
    return context
