"""Reads by key of several transactions at a time, as one statement for each table."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable
from typing import Any

from infra.engine.errors import EngineError
from infra.engine.storage import Pending
from infra.engine.table import Key, Record, Table

Found = tuple[list[Record], list[Pending]]
Fetch = Callable[[Table, list[Key]], Awaitable[Found]]

#: Statements of this kind under way at a time; what comes meanwhile is read together next.
READS_UNDER_WAY_MAX_COUNT = 4


class SharedReads:
    """Each read is a transaction of its own in the database, so it does not matter whose it is."""

    def __init__(self, fetch: Fetch) -> None:
        self._fetch = fetch
        self._asked: dict[Table, list[tuple[list[Key], asyncio.Future[Found]]]] = defaultdict(list)
        self._under_way: set[asyncio.Task[None]] = set()
        self._called = False

    async def rows(self, table: Table, keys: list[Key]) -> Found:
        """The rows of these keys; others' keys may be asked for in the same statement."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Found] = loop.create_future()
        self._asked[table].append((keys, answer))
        if not self._called:
            self._called = True
            loop.call_soon(self._send)
        return await answer

    def _send(self) -> None:
        self._called = False
        while self._asked and len(self._under_way) < READS_UNDER_WAY_MAX_COUNT:
            table, asked = self._asked.popitem()
            task = asyncio.ensure_future(self._read(table, asked))
            self._under_way.add(task)
            task.add_done_callback(self._done)

    def _done(self, task: "asyncio.Task[None]") -> None:
        self._under_way.discard(task)
        self._send()

    async def _read(
        self, table: Table, asked: list[tuple[list[Key], "asyncio.Future[Found]"]]
    ) -> None:
        try:
            wanted = list(dict.fromkeys(key for keys, _ in asked for key in keys))
            found = await self._fetch(table, wanted)
        except EngineError as error:
            if len(asked) == 1:
                _answer(asked[0][1], error)
            else:  # it may be one key's fault
                await asyncio.gather(*(self._read(table, [one]) for one in asked))
            return
        except BaseException as error:
            for _, answer in asked:
                _answer(answer, error)
            raise
        if len(asked) == 1:
            _answer(asked[0][1], found)
            return
        width = table.key_width
        rows = {record.values[:width]: record for record in found[0]}
        writing = {row.key: row for row in found[1]}
        for keys, answer in asked:
            _answer(
                answer,
                (
                    [rows[key] for key in keys if key in rows],
                    [writing[key] for key in keys if key in writing],
                ),
            )


def _answer(answer: "asyncio.Future[Any]", found: Any) -> None:
    if answer.done():  # who asked has gone
        return
    if isinstance(found, BaseException):
        answer.set_exception(found)
    else:
        answer.set_result(found)
