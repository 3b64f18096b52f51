"""Reads by key of several transactions at a time, as one statement for each namespace."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable
from typing import Any

from infra.engine.errors import EngineError
from infra.engine.storage import Pending
from infra.engine.table import Key, Record, Table

Found = tuple[list[Record], list[Pending]]
Wanted = list[tuple[Table, list[Key]]]
Fetch = Callable[[Wanted], Awaitable[list[Found]]]

#: Statements of this kind under way at a time; what comes meanwhile is read together next.
READS_UNDER_WAY_MAX_COUNT = 4


class Asked:
    """What one transaction wants to read."""

    def __init__(self, wanted: Wanted) -> None:
        self.wanted = wanted
        self.answer: asyncio.Future[list[Found]] = asyncio.get_running_loop().create_future()

    def end(self, found: list[Found] | BaseException) -> None:
        if self.answer.done():  # who asked has gone
            return
        if isinstance(found, BaseException):
            self.answer.set_exception(found)
        else:
            self.answer.set_result(found)


class SharedReads:
    """Each read is a transaction of its own in the database, so it does not matter whose it is."""

    def __init__(self, fetch: Fetch) -> None:
        self._fetch = fetch
        self._asked: dict[str, list[Asked]] = defaultdict(list)
        self._under_way: set[asyncio.Task[None]] = set()
        self._called = False

    async def rows(self, wanted: Wanted) -> list[Found]:
        """The rows of these keys, table by table; others' may be asked for with the same statement,
        of the same namespace, so that there are not many of them."""
        asked = Asked(wanted)
        self._asked[wanted[0][0].namespace].append(asked)
        if not self._called:
            self._called = True
            asyncio.get_running_loop().call_soon(self._send)
        return await asked.answer

    def _send(self) -> None:
        self._called = False
        while self._asked and len(self._under_way) < READS_UNDER_WAY_MAX_COUNT:
            _, asked = self._asked.popitem()
            task = asyncio.ensure_future(self._read(asked))
            self._under_way.add(task)
            task.add_done_callback(self._done)

    def _done(self, task: "asyncio.Task[None]") -> None:
        self._under_way.discard(task)
        self._send()

    async def _read(self, asked: list[Asked]) -> None:
        if len(asked) == 1:
            await self._read_one(asked[0])
            return
        keys: dict[Table, dict[Key, None]] = defaultdict(dict)
        for one in asked:
            for table, found in one.wanted:
                keys[table].update(dict.fromkeys(found))
        try:
            answers = await self._fetch([(table, list(some)) for table, some in keys.items()])
        except EngineError:  # it may be one key's fault
            await asyncio.gather(*map(self._read_one, asked))
            return
        except BaseException as error:
            for one in asked:
                one.end(error)
            raise
        by_key = {
            table: (
                {record.values[: table.key_width]: record for record in records},
                {row.key: row for row in writing},
            )
            for table, (records, writing) in zip(keys, answers, strict=True)
        }
        for one in asked:
            one.end([_of_keys(found, *by_key[table]) for table, found in one.wanted])

    async def _read_one(self, one: Asked) -> None:
        try:
            one.end(await self._fetch(one.wanted))
        except EngineError as error:
            one.end(error)
        except BaseException as error:
            one.end(error)
            raise


def _of_keys(keys: list[Key], rows: dict[Any, Record], writing: dict[Key, Pending]) -> Found:
    return (
        [rows[key] for key in keys if key in rows],
        [writing[key] for key in keys if key in writing],
    )
