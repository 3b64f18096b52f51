"""Reads that never wait for the writer: each transaction is one snapshot."""

from collections.abc import Sequence
from typing import Any

from infra.clock import now_ms
from infra.engine.buffered import BufferedTransaction
from infra.engine.consensus import ConsensusCommit
from infra.engine.engine import Isolation
from infra.engine.sqlite.session import SqliteSession
from infra.engine.sqlite.storage import SqliteStorage
from infra.engine.table import Value
from infra.ids import random_uuid


class Snapshot(BufferedTransaction):
    """Everything read in it is of the moment of its first read, until commit or rollback."""

    def __init__(self, reader: "SqliteReader", session: SqliteSession) -> None:
        # What somebody is writing is shown as it was before; nothing here may finish it.
        super().__init__(reader, random_uuid(), Isolation.READ_COMMITTED, read_only=True)
        self._sessions[reader.storage] = self._sql = session

    async def query(self, sql: str, parameters: Sequence[Value] = ()) -> list[tuple[Any, ...]]:
        """Plain SQL, for books and tools; all rows at once."""
        self.check_open()
        return await self._sql.query(sql, parameters)

    async def __aenter__(self) -> "Snapshot":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.rollback()


class SqliteReader(ConsensusCommit):
    """A connection and a thread for reading; its snapshots come one after the other."""

    def __init__(self, path: str, *, inline: bool) -> None:
        self.storage = SqliteStorage(path, inline=inline, reading=True)
        super().__init__([self.storage], clock=now_ms)

    def begin(self, **_: Any) -> Snapshot:
        """End it soon: the next snapshot waits for it, and so does the WAL's end."""
        return Snapshot(self, self.storage.session())

    async def query(self, sql: str, parameters: Sequence[Value] = ()) -> list[tuple[Any, ...]]:
        """One statement, in a snapshot of its own."""
        async with self.begin() as snapshot:
            return await snapshot.query(sql, parameters)
