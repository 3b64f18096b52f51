"""The `Engine` over one SQLite file."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from os import PathLike, fspath

from infra.engine.buffered import BufferedTransaction
from infra.engine.errors import EngineError
from infra.engine.sqlite.checkpoint import Checkpointer
from infra.engine.sqlite.ddl import apply
from infra.engine.sqlite.file import BUSY_WAIT_MS, Fault, File, now_ms
from infra.engine.sqlite.reader import SqliteReader
from infra.engine.sqlite.session import SqliteSession
from infra.engine.sqlite.turn import Turn
from infra.engine.sqlite.worker import InlineWorker, ThreadWorker, Worker
from infra.engine.table import Table
from infra.ids import random_uuid

#: Without a checkpointer thread, the commit that makes the WAL so long copies it itself.
INLINE_CHECKPOINT_PAGES = 1_000
#: How long closing waits for readers before it leaves the WAL for the next start.
CLOSING_WAIT_MS = 200


class SqliteEngine:
    """Writes and their reads go through one connection, owned by one thread.

    With `inline` everything runs in the caller, and no await ever suspends. `fault` is called at
    "begin", "read", "before-commit" and "after-commit", and may raise what a test wants to happen.
    """

    def __init__(self, path: str, file: File, *, inline: bool, busy_ms: int) -> None:
        self.path = path
        self._file = file
        self._worker: Worker = InlineWorker() if inline else ThreadWorker(f"sqlite {path}")
        self._turn = Turn(busy_ms, inline)
        self._checkpointer = None if inline else Checkpointer(path)
        if self._checkpointer:
            file.before_write = self._checkpointer.watch
        else:
            file.set(f"wal_autocheckpoint={INLINE_CHECKPOINT_PAGES}")
        self._closed = False

    @classmethod
    def open(
        cls,
        path: str | PathLike[str],
        *,
        inline: bool = False,
        fault: Fault | None = None,
        clock: Callable[[], int] = now_ms,
        busy_ms: int = BUSY_WAIT_MS,
    ) -> "SqliteEngine":
        """Open the file or create it. `clock` gives epoch milliseconds."""
        name = fspath(path)
        file = File(name, create=True, busy_ms=busy_ms, clock=clock, fault=fault)
        return cls(name, file, inline=inline, busy_ms=busy_ms)

    @staticmethod
    def open_reader(path: str | PathLike[str], *, inline: bool = False) -> SqliteReader:
        """Snapshot reads beside the writer; the file must exist."""
        return SqliteReader(fspath(path), inline=inline)

    async def apply(self, tables: Sequence[Table]) -> None:
        await self._turn.take()
        try:
            await self._worker.call(self._file.atomically, partial(apply, tables))
        finally:
            self._turn.give_back()

    def begin(self, *, locked: bool = False, tx_id: str | None = None) -> BufferedTransaction:
        begin = "BEGIN IMMEDIATE" if locked else ""
        session = SqliteSession(self._file, self._worker, self._turn, begin)
        return BufferedTransaction(session, tx_id or random_uuid())

    async def changed(self) -> bool:
        return await self._worker.call(self._file.changed)

    async def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        await self._worker.last(self._shut)

    def _shut(self) -> None:
        if self._checkpointer:
            self._checkpointer.close()
        with suppress(EngineError):  # another process may be reading; the next start does it
            self._file.release()
            self._file.set(f"busy_timeout={CLOSING_WAIT_MS}")
            self._file.checkpoint("TRUNCATE")
        self._file.close()
