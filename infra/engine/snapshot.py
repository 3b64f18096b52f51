"""Reads beside the writers: each snapshot is of one moment, and may be asked by plain SQL, too."""

from collections.abc import Sequence
from typing import Any, Protocol

from infra.engine.buffered import BufferedTransaction
from infra.engine.consensus import ConsensusCommit
from infra.engine.engine import Isolation
from infra.engine.storage import Session, Storage
from infra.engine.table import Value
from infra.ids import random_uuid


class ReadingSession(Session, Protocol):
    """A session whose reads are all of the moment of the first one."""

    async def query(self, sql: str, parameters: Sequence[Value]) -> list[tuple[Any, ...]]:
        """Plain SQL; all rows at once."""


class Snapshot(BufferedTransaction):
    """Everything read in it is of the moment of its first read, until commit or rollback."""

    def __init__(self, engine: ConsensusCommit, storage: Storage, session: ReadingSession) -> None:
        # What somebody is writing is shown as it was before; nothing here may finish it.
        super().__init__(engine, random_uuid(), Isolation.READ_COMMITTED, read_only=True)
        self._sessions[storage] = self._sql = session

    async def query(self, sql: str, parameters: Sequence[Value] = ()) -> list[tuple[Any, ...]]:
        """Plain SQL, for books and tools; all rows at once. Every storage understands
        `"namespace$table"` as the name of a table and `?` as the place of a parameter."""
        self.check_open()
        return await self._sql.query(sql, parameters)

    async def __aenter__(self) -> "Snapshot":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.rollback()


class Reader(Protocol):
    """What every binding gives beside its engine: reads that never wait for who writes."""

    def begin(self) -> Snapshot:
        """End it soon: it holds a connection."""

    async def query(self, sql: str, parameters: Sequence[Value] = ()) -> list[tuple[Any, ...]]:
        """One statement, in a snapshot of its own."""

    async def close(self) -> None:
        """Release what only the reader holds."""
