"""One transaction's way to the connection: by hops to its worker, in turn where it holds locks."""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from infra.engine.sqlite.file import File, NotNow
from infra.engine.sqlite.turn import Turn
from infra.engine.sqlite.worker import Worker
from infra.engine.storage import Change, Pending, Selection
from infra.engine.table import Key, Record, Table, Value

#: Rows that are read or written in the caller's own thread at most: some 20 ms, for which a process
#: does nothing else. A full batch of orders of two lines has half as many.
BRIEF_MAX_ROWS = 4_000


class SqliteSession:
    """With `begin`, the first read opens a database transaction that is held until the end."""

    def __init__(self, file: File, worker: Worker, turn: Turn, begin: str = "") -> None:
        self._file = file
        self._worker = worker
        self._turn = turn
        self._begin = begin
        self._mine = False

    async def rows(
        self, wanted: list[tuple[Table, list[Key]]], pending: list[Pending]
    ) -> list[list[Record]]:
        count = sum(len(keys) for _, keys in wanted)
        if not self._begin and self._is_brief(count):
            return self._worker.brief(count, self._file.fetch, wanted, pending)
        await self._enter()
        try:
            return await self._worker.call(self._file.fetch, wanted, pending, self._begin)
        except Exception:
            self._leave()
            raise

    async def select(self, selection: Selection, pending: list[Pending]) -> list[Record | Pending]:
        await self._enter()
        try:
            return await self._worker.call(self._file.select, selection, pending, self._begin)
        except Exception:
            self._leave()
            raise

    async def query(self, sql: str, parameters: Sequence[Value]) -> list[tuple[Any, ...]]:
        await self._enter()
        try:
            return await self._worker.call(self._file.query, sql, parameters, self._begin)
        except Exception:
            self._leave()
            raise

    async def write(self, tx_id: str, changes: Sequence[Change]) -> int:
        count, brief = sum(change.rows for change in changes), False
        if not self._mine:
            await self._turn.take()
            self._mine = True
            brief = self._is_brief(count)
        try:
            if brief:
                with suppress(NotNow):  # only the other thread has time to wait for a writer
                    return self._worker.brief(count, self._file.write, tx_id, changes, False)
            return await self._worker.call(self._file.write, tx_id, changes)
        finally:
            self._leave()

    async def prepare(self, tx_id: str, changes: Sequence[Change], at: int) -> None:
        if not self._mine:
            await self._turn.take()
            self._mine = True
        try:
            await self._worker.call(self._file.prepare, tx_id, changes, at)
        finally:
            self._leave()

    async def end(self) -> int:
        if not self._mine:
            return self._file.clock()
        try:
            return await self._worker.call(self._file.release)
        finally:
            self._leave()

    def _is_brief(self, rows: int) -> bool:
        return rows <= BRIEF_MAX_ROWS and self._worker.idle()

    async def _enter(self) -> None:
        if self._begin and not self._mine:
            await self._turn.take()
            self._mine = True

    def _leave(self) -> None:
        if self._mine:
            self._mine = False
            self._turn.give_back()
