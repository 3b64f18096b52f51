"""One PostgreSQL for all domains: a schema for each, and one pool for the whole process."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import TYPE_CHECKING

from infra.engine.config import (
    CommitOptions,
    GroupCommitOptions,
    Isolation,
    PostgresStorage,
    Settings,
    SqliteStorage,
    Storage,
    odori_store,
)
from infra.engine.consensus import ConsensusCommit
from infra.engine.engine import Engine, Transaction
from infra.engine.errors import ConfigError
from infra.engine.opening import open_engine
from infra.engine.several import Several
from infra.engine.snapshot import Reader
from infra.engine.table import Table
from streams.home import InUse

if TYPE_CHECKING:
    from infra.engine.postgres.lock import ProcessLock
    from infra.engine.postgres.storage import PostgresStorage as Postgres


#: The oldest PostgreSQL that the engine is tested on.
POSTGRES_MIN_VERSION = 14


class Shared:
    """The domains' namespaces in one database, which other processes may share."""

    exclusive = False
    option = " (with this ODORI_STORE)"

    def __init__(self, settings: Settings, configured: PostgresStorage) -> None:
        self._settings = settings
        self._configured = configured
        self.notes: Sequence[str] = (*settings.notes, *_overruled(settings.consensus_commit))
        [(host, port), *_] = configured.contact_points
        user = f"{configured.username}@" if configured.username else ""
        self.name = f"postgresql://{user}{host}:{port}/{configured.database}"
        self._engine: ConsensusCommit | None = None
        self._tenants: list[_Tenant] = []
        self._lock: ProcessLock | None = None

    @classmethod
    def of(cls, store: str, domains: Iterable[str]) -> "Shared":
        """What ODORI_STORE says; raises ConfigError where these domains cannot live there."""
        settings = odori_store(store)
        return cls(settings, _only({d: _homes(settings, d) for d in domains}))

    def place(self, domain: str) -> str:
        return f"the schema {domain}"

    def there(self, domains: Iterable[str]) -> list[str]:
        with self.several() as several:
            return [domain for domain in domains if several.has(domain, "lanes")]

    def engine(self, domain: str) -> Engine:
        tenant = _Tenant(self, self._opened())
        self._tenants.append(tenant)
        return tenant

    def reader(self, domain: str) -> Reader:
        tenant = _Tenant(self, self._opened())
        self._tenants.append(tenant)
        from infra.engine.postgres.reader import PostgresReader

        return PostgresReader(tenant.engine, _postgres(tenant.engine), tenant.close)

    def several(self) -> AbstractContextManager[Several]:
        connect = _postgres(self._made()).pool.connect
        from infra.engine.postgres.several import open_several

        return open_several(connect)

    def lacks(self, domains: Iterable[str]) -> str:
        schemas = " and ".join(domains)
        return (
            f"{self.name} lacks the schema {schemas}, which its other schemas know; restore the"
            " whole database from its pg_dump"
        )

    async def hold(self, *, alone: bool) -> None:
        storage = _postgres(self._made())
        from infra.engine.postgres.lock import ProcessLock

        lock = ProcessLock(storage)
        taken, version = await lock.take(alone=alone), lock.version
        if version < POSTGRES_MIN_VERSION:
            await lock.release()
            raise ConfigError(
                f"{self.name} is PostgreSQL {version}; Odori needs {POSTGRES_MIN_VERSION} or newer:"
                " upgrade it"
            )
        if not taken:
            await lock.release()
            raise InUse(
                f"another Odori runs on {self.name}; several may do so over Kafka (ODORI_KAFKA), on"
                " the embedded bus and for a refill there must be no other"
            )
        self._lock = lock

    async def release(self) -> None:
        lock, self._lock = self._lock, None
        if lock is not None:
            await lock.release()

    def _made(self) -> ConsensusCommit:
        """Nothing of it is connected before it is used."""
        commit = _of_domains(self._settings.consensus_commit)
        name = self._configured.name
        return open_engine(
            replace(
                self._settings,
                storages={name: self._configured},
                default_storage=name,
                namespace_mapping={},
                table_mapping={},
                consensus_commit=commit,
            )
        )

    def _opened(self) -> ConsensusCommit:
        self._engine = self._engine or self._made()
        return self._engine

    async def changed(self, tenant: "_Tenant") -> bool:
        """Whether anything was committed since this tenant asked last."""
        if await tenant.engine.changed():
            for one in self._tenants:
                one.stale = True
        stale, tenant.stale = tenant.stale, False
        return stale

    async def leave(self, tenant: "_Tenant") -> None:
        """The last one closes the pool; whoever comes later opens another."""
        if tenant in self._tenants:
            self._tenants.remove(tenant)
            if not self._tenants:
                engine, self._engine = self._engine, None
                await tenant.engine.close()
                assert engine is tenant.engine


def _of_domains(commit: CommitOptions) -> CommitOptions:
    """A domain's batch is one commit, whatever others do over these storages."""
    return replace(
        commit,
        isolation_level=Isolation.SNAPSHOT,
        one_phase_commit=True,
        group_commit=GroupCommitOptions(),
    )


def _overruled(commit: CommitOptions) -> list[str]:
    """What of it is not for the domains."""
    group = commit.group_commit.enabled
    said = {
        f"isolation_level={commit.isolation_level}": commit.isolation_level is Isolation.SNAPSHOT,
        "one_phase_commit.enabled=false": commit.one_phase_commit,
        "coordinator.group_commit.enabled=true": not group,
    }
    why = "does not apply to the domains: their batches are SNAPSHOT, each one database commit"
    return [f"scalar.db.consensus_commit.{key} {why}" for key, is_so in said.items() if not is_so]


class _Tenant:
    """The engine as one domain has it; others go on when it is closed."""

    def __init__(self, home: Shared, engine: ConsensusCommit) -> None:
        self.engine = engine
        self.stale = False
        self._home = home

    def begin(self, *, locked: bool = False, tx_id: str | None = None) -> Transaction:
        return self.engine.begin(locked=locked, tx_id=tx_id)

    async def apply(self, tables: Sequence[Table]) -> None:
        await self.engine.apply(tables)

    async def describe(self, namespace: str, name: str) -> Table | None:
        return await self.engine.describe(namespace, name)

    async def columns(self, table: Table) -> dict[str, str]:
        return await self.engine.columns(table)

    async def changed(self) -> bool:
        return await self._home.changed(self)

    async def close(self) -> None:
        await self._home.leave(self)


def _postgres(engine: ConsensusCommit) -> "Postgres":
    from infra.engine.postgres.storage import PostgresStorage as Postgres

    [storage] = engine.storages.values()
    assert isinstance(storage, Postgres)
    return storage


def _only(homes: Mapping[str, Sequence[Storage]]) -> PostgresStorage:
    """The one database of all these domains; raises ConfigError if there is none."""
    for domain, storages in homes.items():
        for storage in storages:
            if not isinstance(storage, PostgresStorage):
                raise ConfigError(_refused(domain, storage))
    found: dict[str, str] = {}
    for domain, storages in homes.items():
        for storage in storages:
            found.setdefault(storage.name, domain)
    if len(found) > 1:
        places = " and ".join(f"{domain} in {name}" for name, domain in found.items())
        raise ConfigError(
            f"ODORI_STORE keeps {places}: all domains need to lie in one database, since their"
            " books are read as of one moment"
        )
    [only] = {storage.name: storage for some in homes.values() for storage in some}.values()
    assert isinstance(only, PostgresStorage)
    return only


def _homes(settings: Settings, domain: str) -> list[Storage]:
    """Where a domain's tables lie."""
    mapped = settings.table_mapping.items()
    tables = [name for table, name in mapped if table.startswith(f"{domain}.")]
    return [settings.storage_of(domain), *(settings.storages[name] for name in tables)]


def _refused(domain: str, storage: Storage) -> str:
    where = f"ODORI_STORE keeps the domain {domain} in the storage {storage.name}"
    if isinstance(storage, SqliteStorage):
        return (
            f"{where}, which is SQLite: leave ODORI_STORE out, and every domain has a file of its"
            " own in the data folder"
        )
    return (
        f"{where}, which is Cassandra: a domain's batch is one database commit, which Cassandra"
        f" does not have; map the namespace {domain} to a PostgreSQL"
    )
