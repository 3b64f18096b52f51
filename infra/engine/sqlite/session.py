"""One transaction's way to the connection: by hops to its worker, in turn where it holds locks."""

from collections.abc import Sequence
from typing import Any

from infra.engine.buffered import Change, Selection
from infra.engine.sqlite.file import File
from infra.engine.sqlite.turn import Turn
from infra.engine.sqlite.worker import Worker
from infra.engine.table import Key, Record, Table, Value


class SqliteSession:
    """With `begin`, the first read opens a database transaction that is held until the end."""

    def __init__(self, file: File, worker: Worker, turn: Turn, begin: str = "") -> None:
        self._file = file
        self._worker = worker
        self._turn = turn
        self._begin = begin
        self._mine = False

    async def rows(self, wanted: list[tuple[Table, list[Key]]]) -> list[list[Record]]:
        await self._enter()
        try:
            return await self._worker.call(self._file.fetch, wanted, self._begin)
        except Exception:
            self._leave()
            raise

    async def select(self, selection: Selection) -> list[Record]:
        await self._enter()
        try:
            return await self._worker.call(self._file.select, selection, self._begin)
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
        if not self._mine:
            await self._turn.take()
            self._mine = True
        try:
            return await self._worker.call(self._file.write, tx_id, changes)
        finally:
            self._leave()

    async def end(self) -> int:
        if not self._mine:
            return self._file.clock()
        try:
            return await self._worker.call(self._file.release)
        finally:
            self._leave()

    async def _enter(self) -> None:
        if self._begin and not self._mine:
            await self._turn.take()
            self._mine = True

    def _leave(self) -> None:
        if self._mine:
            self._mine = False
            self._turn.give_back()
