"""The storage over one Cassandra cluster."""

from collections.abc import Callable, Sequence

from infra.clock import now_ms
from infra.engine.cassandra import admin, ddl, steps
from infra.engine.cassandra.connection import REQUESTS_MAX_COUNT, Connection, all_of
from infra.engine.cassandra.reading import fetch
from infra.engine.cassandra.session import CassandraSession
from infra.engine.cassandra.statements import insert
from infra.engine.cassandra.values import check_rows
from infra.engine.cassandra.writing import UNIT_MAX_ROWS, finish_each
from infra.engine.config import CassandraStorage as Settings
from infra.engine.errors import InvalidRequest
from infra.engine.storage import Change, Ending, Image
from infra.engine.table import Key, Table, Value

#: Together longer than Cassandra lets a request wait before it drops it (native_transport_timeout,
#: 12 s); at first more often, for what comes late mostly comes at once.
LATE_WAITS_S = (0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4)


def _no_fault(_point: str) -> None: ...


class CassandraStorage:
    """Every write of a record is conditional (consistency QUORUM, serial consistency SERIAL), and
    reads are linearizable; those over several partitions, and by index, see a quorum.

    Nothing is locked, ever: a `locked` transaction may lose like any other one. `fault` is called
    at "read", and in a one-phase commit at "begin", "before-commit" and "after-commit", and may
    raise what a test wants to happen.
    """

    late_waits_s = LATE_WAITS_S

    def __init__(
        self,
        settings: Settings,
        *,
        requests: int = REQUESTS_MAX_COUNT,
        clock: Callable[[], int] = now_ms,
        fault: Callable[[str], None] = _no_fault,
    ) -> None:
        self.name = settings.name
        self.clock = clock
        self.fault = fault
        self.connection = Connection(settings, requests)
        self._settings = settings

    @property
    def active(self) -> int:
        """Requests under way: they share one connection for each node."""
        return self.connection.under_way

    def session(self, *, locked: bool = False) -> CassandraSession:
        return CassandraSession(self)

    def is_one_unit(self, changes: Sequence[Change]) -> bool:
        """Rows of one partition, of which none is to be removed unread."""
        if len(changes) != 1 or changes[0].discards or changes[0].rows > UNIT_MAX_ROWS:
            return False
        width = len(changes[0].table.partition)
        return len({key[:width] for key in changes[0].keys}) == 1

    async def images(self, table: Table, keys: Sequence[Key]) -> dict[Key, Image]:
        columns = tuple(table.stored)
        rows = await fetch(self.connection, table, keys, columns)
        return {row[: table.key_width]: dict(zip(columns, row, strict=True)) for row in rows}

    async def finish(self, tx_id: str, endings: Sequence[Ending], committed_at: int | None) -> None:
        await all_of([self._finish(tx_id, ending, committed_at) for ending in endings])

    async def _finish(self, tx_id: str, ending: Ending, committed_at: int | None) -> None:
        table = ending.table
        if committed_at is not None:
            work = steps.commit(tx_id, ending, committed_at)
        else:
            images = await self.images(table, [*ending.stay, *ending.go])
            work = steps.roll_back(tx_id, table, images)
        await finish_each(self.connection, table, work, tx_id)

    async def plain_rows(self, table: Table, keys: Sequence[Key]) -> list[tuple[Value, ...]]:
        return await fetch(self.connection, table, keys, tuple(table.columns))

    async def put_if_absent(self, table: Table, row: tuple[Value, ...]) -> bool:
        check_rows(table, [row])
        step = insert(table, dict(zip(table.columns, row, strict=True)))
        return await self.connection.write([step.statement], "") is None

    async def describe(self, namespace: str, name: str) -> Table | None:
        return await ddl.describe(self.connection, namespace, name)

    async def columns(self, table: Table) -> dict[str, str]:
        return await ddl.columns(self.connection, table)

    async def namespaces(self) -> list[str]:
        return await admin.namespaces(self.connection)

    async def tables(self, namespace: str) -> list[str]:
        return await admin.tables(self.connection, namespace)

    async def create_namespace(self, namespace: str) -> None:
        await admin.create_namespace(self.connection, namespace, self._settings)

    async def drop_namespace(self, namespace: str) -> None:
        await admin.drop_namespace(self.connection, namespace)

    async def drop_table(self, table: Table) -> None:
        await admin.drop_table(self.connection, table)

    async def import_table(self, namespace: str, name: str) -> Table:
        raise InvalidRequest(f"{namespace}.{name}: Cassandra's tables cannot be imported")

    async def apply(self, tables: Sequence[Table]) -> None:
        await ddl.apply(self.connection, self._settings, tables)

    async def changed(self) -> bool:
        """Always: Cassandra has nothing that would tell."""
        return True

    async def close(self) -> None:
        await self.connection.close()
