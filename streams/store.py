"""One domain's store, opened: its engine, a reader beside it, and the shelf the bus reads."""

from typing import TypeVar

from domains.row import Row
from infra.engine.engine import Engine
from infra.engine.table import Record
from streams.codec import Codec
from streams.home import Home
from streams.lane import lanes
from streams.rows import LaneRow, Meta, Position
from streams.topology import Part

#: The name of the epoch among a store's numbers.
EPOCH = "epoch"
R = TypeVar("R", bound=Row)


class Store:
    """The tables of one domain."""

    def __init__(self, part: Part, home: Home) -> None:
        self.part = part
        self.home = home
        self.engine: Engine = home.engine(part.name)

    async def open(self) -> None:
        """Make what is missing, then open the reader; if that fails, nothing stays open."""
        try:
            await self.engine.apply(self.part.tables)
            await self._read_epoch()
            self.reader = self.home.reader(self.part.name)
        except BaseException:
            await self.engine.close()
            raise

    @property
    def place(self) -> str:
        """What it is called where people look for it."""
        return self.home.place(self.part.name)

    async def _read_epoch(self) -> None:
        tx = self.engine.begin()
        table = self.codec(Meta).table
        await tx.fetch({table: [(EPOCH,)]})
        record = tx.seen(table, (EPOCH,))
        await tx.rollback()
        #: The epoch of the consumer groups on a broker; a refill raises it.
        self.epoch = int(record.values[1] or 1) if record else 1

    async def raise_epoch(self, epoch: int) -> None:
        """Write a new epoch: from now on every consumer group begins at the earliest offset."""
        tx = self.engine.begin()
        table = self.codec(Meta).table
        await tx.fetch({table: [(EPOCH,)]})
        tx.put(table, (EPOCH, epoch))
        await tx.commit()
        self.epoch = epoch

    def codec(self, row: type[R]) -> Codec[R]:
        """How rows of this class are kept here."""
        return self.part.codecs[row]

    async def close(self) -> None:
        """Release the storage; a checkpoint leaves a file whole in one piece."""
        await self.reader.close()
        await self.engine.close()

    # streams.embedded.Shelf

    async def lanes(self) -> list[tuple[str, int]]:
        return [(row.lane, row.next) for row, _ in await lanes(self.reader, self.codec(LaneRow))]

    async def page(self, lane: str, after: int, limit: int) -> list[Record]:
        async with self.reader.begin() as snapshot:
            return await snapshot.scan(self.part.outbox, (lane,), start=(after + 1,), limit=limit)

    async def heard(self, subscriber: str) -> dict[tuple[str, str], int]:
        async with self.reader.begin() as snapshot:
            records = await snapshot.scan(self.codec(Position).table, (subscriber,))
        return {(str(v[1]), str(v[2])): int(v[3] or 0) for v, _, _ in records}
