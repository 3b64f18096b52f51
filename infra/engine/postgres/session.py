"""One transaction's way to PostgreSQL: shared reads, or rows locked on a connection of its own."""

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

from infra.engine.errors import Conflict, UnknownOutcome
from infra.engine.postgres.pool import Connection
from infra.engine.postgres.trouble import TROUBLE, translate
from infra.engine.storage import Change, Pending, Selection
from infra.engine.table import Key, Record, Table

if TYPE_CHECKING:
    from infra.engine.postgres.storage import PostgresStorage


class PostgresSession:
    """Reads stand by themselves, and a write is one statement that commits by itself."""

    def __init__(self, storage: "PostgresStorage") -> None:
        self._storage = storage

    async def rows(
        self, wanted: list[tuple[Table, list[Key]]], pending: list[Pending]
    ) -> list[list[Record]]:
        answers = await self._storage.shared.rows(wanted)
        for _, writing in answers:
            pending += writing
        return [records for records, _ in answers]

    async def select(self, selection: Selection, pending: list[Pending]) -> list[Record | Pending]:
        async with self._storage.pool.connection() as connection:
            return await self._storage.select(connection, selection, pending)

    async def write(self, tx_id: str, changes: Sequence[Change]) -> int:
        now = self._storage.clock()
        await self._write(tx_id, now, changes, prepared=False)
        return now

    async def prepare(self, tx_id: str, changes: Sequence[Change], at: int) -> None:
        await self._write(tx_id, at, changes, prepared=True)

    async def _write(
        self, tx_id: str, at: int, changes: Sequence[Change], *, prepared: bool
    ) -> None:
        try:
            await self._send(tx_id, at, changes, prepared=prepared)
        except Conflict as conflict:
            raise await self._storage.who_lost(changes, conflict) from None

    async def _send(
        self, tx_id: str, at: int, changes: Sequence[Change], *, prepared: bool
    ) -> None:
        self._storage.fault("begin")
        async with self._storage.pool.connection() as connection:
            await self._storage.write(connection, tx_id, at, changes, prepared=prepared)

    async def end(self) -> int:
        return self._storage.clock()


class LockedSession(PostgresSession):
    """One database transaction from the first read to the write; what it reads, it locks."""

    def __init__(self, storage: "PostgresStorage") -> None:
        super().__init__(storage)
        self._connection: Connection | None = None

    async def rows(
        self, wanted: list[tuple[Table, list[Key]]], pending: list[Pending]
    ) -> list[list[Record]]:
        connection = await self._begin()
        found: dict[int, list[Record]] = {}
        # One order for everybody, or two of these could wait for each other.
        order = sorted(range(len(wanted)), key=lambda i: wanted[i][0].full_name)
        try:
            for i in order:
                table, keys = wanted[i]
                records, writing = await self._storage.fetch(
                    connection, table, sorted(keys), locked=True
                )
                found[i] = records
                pending += writing
        except BaseException:
            await self.end()
            raise
        return [found[i] for i in range(len(wanted))]

    async def select(self, selection: Selection, pending: list[Pending]) -> list[Record | Pending]:
        connection = await self._begin()
        try:
            return await self._storage.select(connection, selection, pending, locked=True)
        except BaseException:
            await self.end()
            raise

    async def end(self) -> int:
        connection, self._connection = self._connection, None
        if connection is not None:
            try:
                await connection.execute("ROLLBACK")
            except TROUBLE:
                await self._storage.pool.drop(connection)
            else:
                await self._storage.pool.give_back(connection)
        return self._storage.clock()

    async def _begin(self) -> Connection:
        if self._connection is None:
            self._storage.fault("begin")
            pool = self._storage.pool
            connection = await pool.take()
            try:
                await pool.ghosts.bury(connection)
                await connection.execute("BEGIN")
            except BaseException as error:
                if isinstance(error, TROUBLE):
                    await pool.drop(connection)
                    raise translate(error) from error
                await pool.give_back(connection)
                raise
            self._connection = connection
        return self._connection

    async def _send(
        self, tx_id: str, at: int, changes: Sequence[Change], *, prepared: bool
    ) -> None:
        connection = await self._begin()
        pid = connection.get_server_pid()
        try:
            await self._storage.write(
                connection, tx_id, at, changes, prepared=prepared, committing=False
            )
            try:
                await connection.execute("COMMIT")
            except asyncio.CancelledError:
                self._storage.pool.ghosts.lose(pid)
                raise
            except TROUBLE as error:
                self._storage.pool.ghosts.lose(pid)
                raise UnknownOutcome(f"{type(error).__name__}: {error}", tx_id) from error
            self._storage.fault("after-commit")
            self._connection = None
            await self._storage.pool.give_back(connection)
        finally:
            await self.end()
