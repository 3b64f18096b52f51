"""The engine: ScalarDB's Consensus Commit over one storage, or over several by namespace."""

import asyncio
import re
from collections.abc import Callable, Mapping, Sequence

from infra.clock import now_ms
from infra.engine.admin import Admin
from infra.engine.buffered import BufferedTransaction
from infra.engine.checking import Declarations
from infra.engine.committing import Committing
from infra.engine.config.settings import CommitOptions
from infra.engine.coordinator import Coordinator
from infra.engine.engine import Isolation
from infra.engine.errors import Conflict, InvalidRequest, Unavailable, UnknownOutcome
from infra.engine.metrics import METRICS
from infra.engine.recovery import Recovery
from infra.engine.rows import key_of
from infra.engine.storage import Storage
from infra.engine.table import COMMITTED, Key, Table
from infra.engine.transaction import Transaction
from infra.engine.two_phase import Participant
from infra.ids import random_uuid

#: Ids that a group can hold (39 characters) and that separate nothing in the coordinator's rows, or
#: the whole id of a member of a group.
_IDS = re.compile(r"([0-9A-Za-z]{24}\$)?[0-9A-Za-z_-]{1,39}")
_IDS_SAID = "1 to 39 of the letters A to Z and a to z, digits, - and _"


class ConsensusCommit:
    """An `Engine` over storages, which it closes; `namespaces` maps those that are not kept in the
    first storage to others by name; `tables` (by full name) is stronger."""

    def __init__(
        self,
        storages: Sequence[Storage],
        namespaces: Mapping[str, str] | None = None,
        options: CommitOptions | None = None,
        clock: Callable[[], int] = now_ms,
        *,
        tables: Mapping[str, str] | None = None,
        scan_all: bool = True,
    ) -> None:
        #: Whether a scan without a partition key is let through.
        self.scan_all = scan_all
        self.options = options or CommitOptions()
        self.clock = clock
        self.storages = {storage.name: storage for storage in storages}
        self._first = storages[0]
        for storage in storages:
            METRICS.watch(storage)
        self._by_namespace = {
            namespace: self._named(name, namespace)
            for namespace, name in (namespaces or {}).items()
        }
        self._by_table = {table: self._named(name, table) for table, name in (tables or {}).items()}
        home = self.home_of(self.options.coordinator_namespace)
        self.coordinator = Coordinator(home, self.options.coordinator_namespace, clock)
        self.recovery = Recovery(self.storage_of, self.coordinator, clock)
        self.admin = Admin(self)
        self.declarations = Declarations(self.storage_of)
        self.committing = Committing(
            self.storage_of, self.coordinator, self.recovery, self.options, clock
        )

    def _named(self, name: str, namespace: str) -> Storage:
        if name not in self.storages:
            raise InvalidRequest(
                f"namespace {namespace} is mapped to storage {name}; there are"
                f" {', '.join(self.storages)}"
            )
        return self.storages[name]

    def home_of(self, namespace: str) -> Storage:
        """The storage that keeps a namespace."""
        return self._by_namespace.get(namespace, self._first)

    def storage_of(self, table: Table) -> Storage:
        """The storage that keeps a table."""
        if not self._by_table:
            return self._by_namespace.get(table.namespace, self._first)
        return self.storage_named(table.namespace, table.name)

    def storage_named(self, namespace: str, name: str) -> Storage:
        """The storage that keeps the table of this name."""
        return self._by_table.get(f"{namespace}.{name}") or self.home_of(namespace)

    async def apply(self, tables: Sequence[Table]) -> None:
        for storage in self.storages.values():
            if mine := [table for table in tables if self.storage_of(table) is storage]:
                await storage.apply(mine)
                self.declarations.made(mine)

    async def describe(self, namespace: str, name: str) -> Table | None:
        return await self.admin.describe(namespace, name)

    async def columns(self, table: Table) -> dict[str, str]:
        return await self.storage_of(table).columns(table)

    def begin(
        self,
        *,
        locked: bool = False,
        tx_id: str | None = None,
        isolation: Isolation | None = None,
        read_only: bool = False,
    ) -> BufferedTransaction:
        isolation = isolation or self.options.isolation_level
        if type(isolation) is not Isolation:
            raise InvalidRequest(f"{isolation!r} is no isolation; there are {', '.join(Isolation)}")
        if tx_id is not None:
            _check_id(tx_id)
        return BufferedTransaction(
            self,
            tx_id or random_uuid(),
            isolation,
            locked=locked,
            read_only=read_only,
        )

    def transaction(
        self,
        *,
        isolation: Isolation | None = None,
        read_only: bool = False,
        tx_id: str | None = None,
    ) -> Transaction:
        """A transaction for people: rows as mappings, `async with` commits."""
        return Transaction(self.begin(tx_id=tx_id, isolation=isolation, read_only=read_only))

    def participate(
        self, tx_id: str | None = None, *, isolation: Isolation | None = None
    ) -> Participant:
        """A share of a transaction over several processes: a new one, or one begun elsewhere."""
        if self.options.group_commit.enabled:
            raise InvalidRequest(
                "group commit and transactions over several processes exclude"
                " each other: a group's id is known to one process only"
            )
        return Participant(self, self.begin(tx_id=tx_id, isolation=isolation))

    async def outcome(self, tx_id: str, wrote: tuple[Table, Key] | None = None) -> bool:
        """Whether a transaction of an UnknownOutcome was committed; an undecided one is aborted.

        One that may have committed in one phase left no trace at the coordinator: `wrote` then
        names a row that it wrote and that nobody else writes, best one that it inserted. Raises
        UnknownOutcome if that row was written by somebody else, before or since.
        """
        if wrote and await self._is_written(tx_id, wrote[0], key_of(*wrote)):
            return True
        return (await self.coordinator.abort(tx_id)).state == COMMITTED

    async def _is_written(self, tx_id: str, table: Table, key: Key) -> bool:
        for wait in (*self.storage_of(table).late_waits_s, None):
            asking = self.begin(locked=True)  # waits for a commit that is still under way
            try:
                await asking.fetch({table: [key]})
                found = asking.seen(table, key)
                if found and found.tx_id == tx_id:
                    return True
                if await self.coordinator.state_of(tx_id):
                    return False
                if wait is None and found:
                    raise UnknownOutcome(
                        f"{table.full_name} {key!r} was written by {found.tx_id}, which tells"
                        f" nothing of {tx_id}; ask by a row that nobody else writes",
                        tx_id,
                    )
                if wait is None:
                    return False
            except Conflict:  # it is prepared, so the coordinator decides
                return False
            except Unavailable:  # the connection is not back yet
                if wait is None:
                    raise
            finally:
                await asking.rollback()
            await asyncio.sleep(wait)
        raise AssertionError("the last wait is none")

    async def changed(self) -> bool:
        return any([await storage.changed() for storage in self.storages.values()])

    async def close(self) -> None:
        await self.committing.close()
        for storage in self.storages.values():
            await storage.close()


def _check_id(tx_id: object) -> None:
    if not isinstance(tx_id, str) or not _IDS.fullmatch(tx_id):
        raise InvalidRequest(f"{tx_id!r} is no id of a transaction: {_IDS_SAID}")
