"""Rows of one table, read together for all who ask at the same moment."""

import asyncio

from domains.row import Row, RowKey
from streams.store import Store


class Rows:
    """What a connector reads of a domain's store; a read begins after it was asked for."""

    def __init__(self, store: Store, row: type[Row]) -> None:
        self._store = store
        self._codec = store.codec(row)
        self._asked: dict[RowKey, asyncio.Future[Row | None]] = {}
        self._reading: asyncio.Task[None] | None = None

    async def read(self, key: RowKey) -> Row | None:
        """The row as it is committed now."""
        if key not in self._asked:
            self._asked[key] = asyncio.get_running_loop().create_future()
        asked = self._asked[key]
        if self._reading is None or self._reading.done():
            self._reading = asyncio.create_task(self._read_all(), name="read for a connector")
        return await asyncio.shield(asked)

    async def _read_all(self) -> None:
        while self._asked:
            asked, self._asked = self._asked, {}
            try:
                async with self._store.reader.begin() as snapshot:
                    await snapshot.fetch({self._codec.table: asked})
                    found = {key: snapshot.seen(self._codec.table, key) for key in asked}
            except Exception as error:
                for future in asked.values():
                    future.set_exception(error)
                continue
            for key, future in asked.items():
                record = found[key]
                future.set_result(None if record is None else self._codec.decode(record))
