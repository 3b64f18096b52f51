"""Reads that never wait for the writer: each transaction is one snapshot."""

from collections.abc import Sequence
from typing import Any

from infra.clock import now_ms
from infra.engine.consensus import ConsensusCommit
from infra.engine.snapshot import Snapshot
from infra.engine.sqlite.storage import SqliteStorage
from infra.engine.table import Value


class SqliteReader(ConsensusCommit):
    """A connection and a thread for reading; its snapshots come one after the other."""

    def __init__(self, path: str, *, inline: bool) -> None:
        self.storage = SqliteStorage(path, inline=inline, reading=True)
        super().__init__([self.storage], clock=now_ms)

    def begin(self, **_: Any) -> Snapshot:
        """End it soon: the next snapshot waits for it, and so does the WAL's end."""
        return Snapshot(self, self.storage, self.storage.session())

    async def query(self, sql: str, parameters: Sequence[Value] = ()) -> list[tuple[Any, ...]]:
        """One statement, in a snapshot of its own."""
        async with self.begin() as snapshot:
            return await snapshot.query(sql, parameters)
