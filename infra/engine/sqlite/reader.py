"""Reads that never wait for the writer: each transaction is one snapshot."""

from collections.abc import Sequence
from typing import Any

from infra.engine.buffered import BufferedTransaction
from infra.engine.sqlite.file import BUSY_WAIT_MS, File
from infra.engine.sqlite.session import SqliteSession
from infra.engine.sqlite.turn import Turn
from infra.engine.sqlite.worker import InlineWorker, ThreadWorker, Worker
from infra.engine.table import Value
from infra.ids import random_uuid


class Snapshot(BufferedTransaction):
    """Everything read in it is of the moment of its first read, until commit or rollback."""

    def __init__(self, session: SqliteSession) -> None:
        super().__init__(session, random_uuid())
        self._sql = session

    async def query(self, sql: str, parameters: Sequence[Value] = ()) -> list[tuple[Any, ...]]:
        """Plain SQL, for books and tools; all rows at once."""
        self._check_open()
        return await self._sql.query(sql, parameters)

    async def __aenter__(self) -> "Snapshot":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.rollback()


class SqliteReader:
    """A connection and a thread for reading; its snapshots come one after the other."""

    def __init__(self, path: str, *, inline: bool) -> None:
        self._file = File(path, create=False, busy_ms=BUSY_WAIT_MS)
        self._worker: Worker = InlineWorker() if inline else ThreadWorker(f"sqlite reader {path}")
        self._turn = Turn(BUSY_WAIT_MS, inline)
        self._closed = False

    def begin(self) -> Snapshot:
        """End it soon: the next snapshot waits for it, and so does the WAL's end."""
        return Snapshot(SqliteSession(self._file, self._worker, self._turn, "BEGIN"))

    async def query(self, sql: str, parameters: Sequence[Value] = ()) -> list[tuple[Any, ...]]:
        """One statement, in a snapshot of its own."""
        async with self.begin() as snapshot:
            return await snapshot.query(sql, parameters)

    async def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        await self._worker.last(self._file.close)
