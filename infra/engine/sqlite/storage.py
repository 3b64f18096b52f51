"""The `Storage` over one SQLite file."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from os import PathLike, fspath
from typing import TypeVar, TypeVarTuple

from infra.clock import now_ms
from infra.engine.errors import EngineError, InvalidRequest
from infra.engine.sqlite import ddl
from infra.engine.sqlite.checkpoint import Checkpointer
from infra.engine.sqlite.file import BUSY_WAIT_MS, Fault, File
from infra.engine.sqlite.session import SqliteSession
from infra.engine.sqlite.turn import Turn
from infra.engine.sqlite.worker import InlineWorker, ThreadWorker, Worker
from infra.engine.storage import Change, Ending, Image
from infra.engine.table import Key, Table, Value

T = TypeVar("T")
Args = TypeVarTuple("Args")

#: Without a checkpointer thread, the commit that makes the WAL so long copies it itself.
INLINE_CHECKPOINT_PAGES = 1_000
#: How long closing waits for readers before it leaves the WAL for the next start.
CLOSING_WAIT_MS = 200


class SqliteStorage:
    """Writes and their reads go through one connection, owned by one thread.

    With `inline` everything runs in the caller, and no await ever suspends. `fault` is called at
    "begin", "read", "before-commit" and "after-commit", and may raise what a test wants to happen.
    """

    late_waits_s = ()

    def __init__(
        self,
        path: str | PathLike[str],
        *,
        name: str = "sqlite",
        inline: bool = False,
        fault: Fault | None = None,
        clock: Callable[[], int] = now_ms,
        busy_ms: int = BUSY_WAIT_MS,
        reading: bool = False,
    ) -> None:
        """Open the file or create it; one for `reading` must exist, and each of its sessions is a
        snapshot. `clock` gives epoch milliseconds."""
        self.name = name
        self.path = fspath(path)
        self._file = File(self.path, create=not reading, busy_ms=busy_ms, clock=clock, fault=fault)
        what = "sqlite reader" if reading else "sqlite"
        self.worker: Worker = InlineWorker() if inline else ThreadWorker(f"{what} {self.path}")
        self._turn = Turn(busy_ms, inline)
        self._reading = reading
        self._checkpointer = None if inline or reading else Checkpointer(self.path)
        if self._checkpointer:
            self._file.before_write = self._checkpointer.watch
        elif not reading:
            self._file.set(f"wal_autocheckpoint={INLINE_CHECKPOINT_PAGES}")
        self._closed = False

    @property
    def active(self) -> int:
        return min(self.worker.under_way, 1)

    def session(self, *, locked: bool = False) -> SqliteSession:
        begin = "BEGIN IMMEDIATE" if locked else "BEGIN" if self._reading else ""
        return SqliteSession(self._file, self.worker, self._turn, begin)

    def is_one_unit(self, changes: Sequence[Change]) -> bool:
        return True

    async def images(self, table: Table, keys: Sequence[Key]) -> dict[Key, Image]:
        return await self.worker.call(self._file.images, table, keys)

    async def finish(self, tx_id: str, endings: Sequence[Ending], committed_at: int | None) -> None:
        await self._in_turn(self._file.finish, tx_id, endings, committed_at)

    async def plain_rows(self, table: Table, keys: Sequence[Key]) -> list[tuple[Value, ...]]:
        found = await self.worker.call(self._file.images, table, keys)
        return [tuple(image.values()) for image in found.values()]

    async def put_if_absent(self, table: Table, row: tuple[Value, ...]) -> bool:
        return await self._in_turn(self._file.put_if_absent, table, row)

    async def describe(self, namespace: str, name: str) -> Table | None:
        return await self.worker.call(self._file.describe, namespace, name)

    async def columns(self, table: Table) -> dict[str, str]:
        return await self.worker.call(self._file.columns, table)

    async def namespaces(self) -> list[str]:
        return await self._in_turn(self._file.atomically, ddl.namespaces)

    async def tables(self, namespace: str) -> list[str]:
        return await self._in_turn(self._file.atomically, partial(ddl.tables, namespace))

    async def create_namespace(self, namespace: str) -> None:
        """Nothing: a namespace is the beginning of its tables' names."""

    async def drop_namespace(self, namespace: str) -> None:
        if left := await self.tables(namespace):
            raise InvalidRequest(f"namespace {namespace} still has {', '.join(left)}")

    async def drop_table(self, table: Table) -> None:
        await self._in_turn(self._file.atomically, partial(ddl.drop_table, table))

    async def import_table(self, namespace: str, name: str) -> Table:
        raise InvalidRequest(f"{namespace}.{name}: SQLite's tables cannot be imported")

    async def apply(self, tables: Sequence[Table]) -> None:
        await self._in_turn(self._file.atomically, partial(ddl.apply, tables))

    async def _in_turn(self, job: Callable[[*Args], T], *args: *Args) -> T:
        await self._turn.take()
        try:
            return await self.worker.call(job, *args)
        finally:
            self._turn.give_back()

    async def changed(self) -> bool:
        return await self.worker.call(self._file.changed)

    async def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        await self.worker.last(self._file.close if self._reading else self._shut)

    def _shut(self) -> None:
        if self._checkpointer:
            self._checkpointer.close()
        with suppress(EngineError):  # another process may be reading; the next start does it
            self._file.release()
            self._file.set(f"busy_timeout={CLOSING_WAIT_MS}")
            self._file.checkpoint("TRUNCATE")
        self._file.close()
