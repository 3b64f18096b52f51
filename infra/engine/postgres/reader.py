"""Reads of one moment over the engine's own pool: each snapshot is one read-only transaction."""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any

from infra.engine.consensus import ConsensusCommit
from infra.engine.errors import InvalidRequest
from infra.engine.postgres.plain import spoken
from infra.engine.postgres.pool import Connection
from infra.engine.postgres.storage import PostgresStorage
from infra.engine.postgres.trouble import TROUBLE, translate
from infra.engine.snapshot import Snapshot
from infra.engine.storage import Change, Pending, Selection
from infra.engine.table import Key, Record, Table, Value

BEGIN = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"


class SnapshotSession:
    """One transaction of the database from the first read to the end; it never writes."""

    def __init__(self, storage: PostgresStorage) -> None:
        self._storage = storage
        self._connection: Connection | None = None

    async def rows(
        self, wanted: list[tuple[Table, list[Key]]], pending: list[Pending]
    ) -> list[list[Record]]:
        connection, found = await self._begun(), []
        for table, keys in wanted:
            records, writing = await self._storage.fetch(connection, table, keys)
            found.append(records)
            pending += writing
        return found

    async def select(self, selection: Selection, pending: list[Pending]) -> list[Record | Pending]:
        return await self._storage.select(await self._begun(), selection, pending)

    async def query(self, sql: str, parameters: Sequence[Value]) -> list[tuple[Any, ...]]:
        connection = await self._begun()
        try:
            return [tuple(row) for row in await connection.fetch(spoken(sql), *parameters)]
        except TROUBLE as error:
            raise translate(error) from error

    async def write(self, tx_id: str, changes: Sequence[Change]) -> int:
        raise InvalidRequest(f"transaction {tx_id} only reads")

    async def prepare(self, tx_id: str, changes: Sequence[Change], at: int) -> None:
        raise InvalidRequest(f"transaction {tx_id} only reads")

    async def end(self) -> int:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(*TROUBLE):
                await connection.execute("ROLLBACK")
            await self._storage.pool.give_back(connection)
        return self._storage.clock()

    async def _begun(self) -> Connection:
        if self._connection is None:
            connection = await self._storage.pool.take()
            try:
                await connection.execute(BEGIN)
            except TROUBLE as error:
                await self._storage.pool.give_back(connection)
                raise translate(error) from error
            except BaseException:  # whoever asked has gone
                await self._storage.pool.give_back(connection)
                raise
            self._connection = connection
        return self._connection


class PostgresReader:
    """Reads through the engine's pool; any number of snapshots at a time, as far as that goes."""

    def __init__(
        self,
        engine: ConsensusCommit,
        storage: PostgresStorage,
        closing: Callable[[], Awaitable[None]],
    ) -> None:
        """`closing` tells whoever lent the engine that this reader has gone."""
        self._engine = engine
        self._storage = storage
        self._closing = closing

    def begin(self) -> Snapshot:
        return Snapshot(self._engine, self._storage, SnapshotSession(self._storage))

    async def query(self, sql: str, parameters: Sequence[Value] = ()) -> list[tuple[Any, ...]]:
        async with self.begin() as snapshot:
            return await snapshot.query(sql, parameters)

    async def close(self) -> None:
        await self._closing()
