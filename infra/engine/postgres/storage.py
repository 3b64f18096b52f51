"""The `Storage` over one PostgreSQL database, and the engine over it alone."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

from infra.clock import now_ms
from infra.engine.config.settings import CommitOptions
from infra.engine.consensus import ConsensusCommit
from infra.engine.errors import Conflict, EngineError, UnknownOutcome, WriteRefused
from infra.engine.fitting import refusal
from infra.engine.metadata import mistyped
from infra.engine.postgres import admin, ddl
from infra.engine.postgres.pool import ACQUIRE_MAX_S, Connection, Pool
from infra.engine.postgres.reads import Found, SharedReads, Wanted
from infra.engine.postgres.session import LockedSession, PostgresSession
from infra.engine.postgres.statements import (
    Part,
    Statements,
    columns_of,
    rows_of,
    table_name,
    together,
)
from infra.engine.postgres.trouble import TROUBLE, UNBINDABLE, translate
from infra.engine.shapes import quoted
from infra.engine.storage import Change, Ending, Image, Pending, Selection, Session, lost
from infra.engine.table import COMMITTED, DELETED, PREPARED, Key, Record, Table, Value

#: Connections of one process: more than this only wait for one another on its core.
POOL_MAX_CONNECTIONS = 10
#: How long a statement waits for a row that another transaction has locked.
LOCK_WAIT_MS = 5_000

_NEWEST = "SELECT pg_snapshot_xmax(pg_current_snapshot())::text"

T = TypeVar("T")
Rows = Sequence[tuple[Value, ...]]


class PostgresStorage:
    """One database. `fault` is called at "begin", "read", "before-commit" and "after-commit", and
    may raise what a test wants to happen."""

    late_waits_s = ()

    def __init__(
        self,
        url: str | None,
        *,
        name: str = "postgresql",
        min_size: int = 1,
        max_size: int = POOL_MAX_CONNECTIONS,
        busy_ms: int = LOCK_WAIT_MS,
        clock: Callable[[], int] = now_ms,
        fault: Callable[[str], None] = lambda point: None,
        acquire_s: float | None = ACQUIRE_MAX_S,
        server_settings: Mapping[str, str] | None = None,
        connect: Mapping[str, Any] | None = None,
    ) -> None:
        """`connect` are more arguments of asyncpg's connections (hosts, TLS)."""
        self.name = name
        self.clock = clock
        self.fault = fault
        self.pool = Pool(
            url,
            min_size=min_size,
            max_size=max_size,
            lock_wait_ms=busy_ms,
            acquire_s=acquire_s,
            server_settings=server_settings or {},
            connect=connect or {},
        )
        self.shared = SharedReads(self._fetch_all)
        self._statements: dict[Table, Statements] = {}
        self._seen: str | None = None

    @property
    def active(self) -> int:
        return self.pool.active

    def session(self, *, locked: bool = False) -> Session:
        return LockedSession(self) if locked else PostgresSession(self)

    def is_one_unit(self, changes: Sequence[Change]) -> bool:
        return True

    # reading

    async def fetch(
        self, connection: Connection, table: Table, keys: list[Key], *, locked: bool = False
    ) -> Found:
        """Rows by key: the committed ones, and those that somebody is writing."""
        self.fault("read")
        statements = self._of(table)
        arrays = columns_of(keys, table.key_width)
        try:
            rows = await connection.fetch(statements.rows(locked), *arrays)
        except UNBINDABLE as error:
            raise refusal(table, keys, error) from error
        except TROUBLE as error:
            raise translate(error) from error
        return statements.told(rows)

    async def _fetch_all(self, wanted: Wanted) -> list[Found]:
        """Rows of several tables, in one statement."""
        async with self.pool.connection() as connection:
            if len(wanted) == 1:
                return [await self.fetch(connection, *wanted[0])]
            self.fault("read")
            arrays = [a for table, keys in wanted for a in columns_of(keys, table.key_width)]
            several = tuple(self._of(table) for table, _ in wanted)
            try:
                rows = await connection.fetch(rows_of(several), *arrays)
            except UNBINDABLE:  # which of them tells what is wrong
                return [await self.fetch(connection, *one) for one in wanted]
            except TROUBLE as error:
                raise translate(error) from error
        found: list[list[Any]] = [[] for _ in wanted]
        for number, row in rows:
            found[number].append(row)
        return [of.told(some) for of, some in zip(several, found, strict=True)]

    async def select(
        self,
        connection: Connection,
        selection: Selection,
        pending: list[Pending],
        *,
        locked: bool = False,
    ) -> list[Record | Pending]:
        """Rows of a scan, in its order."""
        self.fault("read")
        statements = self._of(selection.table)
        sql, values = statements.select(selection, locked)
        try:
            rows = await connection.fetch(sql, *values)
        except UNBINDABLE as error:
            raise refusal(selection.table, [values], error) from error
        except TROUBLE as error:
            raise translate(error) from error
        return statements.found(rows, pending)

    async def images(self, table: Table, keys: Sequence[Key]) -> dict[Key, Image]:
        arrays = columns_of(list(keys), table.key_width)
        async with self.pool.connection() as connection:
            try:
                rows = await connection.fetch(self._of(table).images(), *arrays)
            except TROUBLE as error:
                raise translate(error) from error
        width = table.key_width
        return {tuple(row)[:width]: dict(row) for row in rows}

    async def plain_rows(self, table: Table, keys: Sequence[Key]) -> list[tuple[Value, ...]]:
        return [tuple(image.values()) for image in (await self.images(table, keys)).values()]

    # writing

    async def write(
        self,
        connection: Connection,
        tx_id: str,
        now: int,
        changes: Sequence[Change],
        *,
        prepared: bool,
        committing: bool = True,
    ) -> None:
        """Everything in one statement; committed with it unless a transaction is open."""
        parts = [part for change in changes for part in self._parts(change, prepared)]
        try:
            self.fault("before-commit")
            await self._run(connection, tx_id, now, parts, committing)
        except WriteRefused as refused:
            raise _named(changes, refused) from refused
        if committing:
            self.fault("after-commit")

    async def finish(self, tx_id: str, endings: Sequence[Ending], committed_at: int | None) -> None:
        committed = committed_at is not None
        parts = []
        for table, stay, go in endings:
            statements = self._of(table)
            parts += [(statements.stay(committed), stay)] if stay else []
            parts += [(statements.go(committed), go)] if go else []
        if parts:
            async with self.pool.connection() as connection:
                await self._run(connection, tx_id, committed_at or 0, parts, False)

    async def put_if_absent(self, table: Table, row: tuple[Value, ...]) -> bool:
        async with self.pool.connection() as connection:
            sql = self._of(table).put_if_absent
            try:
                return bool(await connection.fetch(sql, *row))
            except TROUBLE as error:
                raise translate(error, committing=True) from error

    async def _run(
        self,
        connection: Connection,
        tx_id: str,
        now: int,
        parts: Sequence[tuple[Part, Rows]],
        committing: bool,
    ) -> None:
        arrays = [column for _, rows in parts for column in zip(*rows, strict=True)]
        sql = together(tuple(part for part, _ in parts))
        pid = connection.get_server_pid()  # a lost connection cannot be asked any more
        try:
            await connection.fetch(sql, tx_id, now, *arrays)
        except asyncio.CancelledError:
            self.pool.ghosts.lose(pid)
            raise
        except TROUBLE as error:
            translated = translate(error, committing=committing)
            if isinstance(translated, UnknownOutcome):
                self.pool.ghosts.lose(pid)
                translated.tx_id = tx_id
            raise translated from error

    def _parts(self, change: Change, prepared: bool) -> list[tuple[Part, Rows]]:
        of = self._of(change.table)
        state = PREPARED if prepared else COMMITTED
        parts: list[tuple[Part, Rows]] = [
            (of.insert(state), change.inserts),
            (of.insert(DELETED), change.absent),
            (of.update(prepared), change.updates),
            (of.delete(prepared), change.deletes),
            (of.discard, change.discards),
        ]
        return [part for part in parts if part[1]]

    async def who_lost(self, changes: Sequence[Change], conflict: Conflict) -> Conflict:
        """The conflict by the name of the first row that is not as it was read: by now, that is.

        Nobody may hold a connection meanwhile, or all could wait for one more.
        """
        for table, inserts, updates, deletes, _, absent in changes:
            width = table.key_width
            known = {row[:width]: row[-1] for row in (*updates, *deletes)}
            new = [row[:width] for row in (*inserts, *absent)]
            try:
                images = await self.images(table, [*known, *new])
            except EngineError:
                return conflict
            for key, tx_id in known.items():
                if key not in images or images[key]["tx_id"] != tx_id:
                    return lost(table, key, "was changed by another transaction")
            for key in new:
                if key in images:
                    return lost(table, key, "exists already")
        return conflict

    # its shape

    async def describe(self, namespace: str, name: str) -> Table | None:
        async with self.pool.connection() as connection:
            return await ddl.describe(connection, namespace, name)

    async def columns(self, table: Table) -> dict[str, str]:
        async with self.pool.connection() as connection:
            try:
                found = await ddl.columns(connection, table.namespace, table.name)
            except TROUBLE as error:
                raise translate(error) from error
        return mistyped(*ddl.kinds(table, found))

    async def namespaces(self) -> list[str]:
        return await self._alone(admin.namespaces)

    async def tables(self, namespace: str) -> list[str]:
        return await self._alone(partial(admin.tables, namespace=namespace))

    async def create_namespace(self, namespace: str) -> None:
        sql = f"CREATE SCHEMA IF NOT EXISTS {quoted(namespace)}"
        await self._alone(lambda connection: connection.execute(sql))

    async def drop_namespace(self, namespace: str) -> None:
        await self._alone(partial(admin.drop_namespace, namespace=namespace))

    async def drop_table(self, table: Table) -> None:
        await self._alone(partial(admin.drop_table, table=table))

    async def import_table(self, namespace: str, name: str) -> Table:
        return await self._alone(partial(admin.import_table, namespace=namespace, name=name))

    async def apply(self, tables: Sequence[Table]) -> None:
        await self._alone(partial(ddl.apply, tables=tables))

    async def _alone(self, job: Callable[[Connection], Awaitable[T]]) -> T:
        async with self.pool.connection() as connection, ddl.alone(connection):
            return await job(connection)

    async def changed(self) -> bool:
        async with self.pool.connection() as connection:
            try:
                rows = await connection.fetch(_NEWEST)
            except TROUBLE as error:
                raise translate(error) from error
        before, self._seen = self._seen, rows[0][0]
        return before != self._seen

    async def close(self) -> None:
        await self.pool.close()

    def _of(self, table: Table) -> Statements:
        statements = self._statements.get(table)
        if statements is None:
            statements = self._statements[table] = Statements(table)
        return statements


def _named(changes: Sequence[Change], refused: WriteRefused) -> WriteRefused:
    """Which value was refused, where that can be told."""
    for change in changes:
        keys = [row[:-1] for row in change.deletes]  # without the tx_id, which is no column's
        found = refusal(change.table, [*change.inserts, *change.updates, *keys], "")
        if "." in str(found).removeprefix(change.table.full_name):
            return found
    names = ", ".join(table_name(change.table) for change in changes)
    return WriteRefused(f"{names}: {refused}")


class PostgresEngine(ConsensusCommit):
    """One database, its coordinator in it."""

    def __init__(
        self,
        url: str,
        *,
        clock: Callable[[], int] = now_ms,
        options: CommitOptions | None = None,
        **storage: Any,
    ) -> None:
        """`storage` are the arguments of PostgresStorage."""
        self.storage = PostgresStorage(url, clock=clock, **storage)
        super().__init__([self.storage], options=options, clock=clock)
