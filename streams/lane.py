"""A writer's lane: its numbered range of the outbox, and the fence that keeps stale writers out."""

import secrets
from dataclasses import dataclass
from typing import Protocol

from infra.engine.engine import Engine, Transaction
from infra.engine.table import Record
from streams.codec import Codec
from streams.rows import LaneRow

OPEN, RETIRED = "open", "retired"
#: Bytes of a lane's random name; names are never used again.
LANE_NAME_BYTES = 6


class Readable(Protocol):
    """An engine or a reader: something that transactions can be begun on."""

    def begin(self) -> Transaction: ...


class LaneLost(Exception):
    """Somebody adopted this lane; its writer must take a new one and begin the batch again."""


@dataclass
class Lane:
    """A lane as its owner knows it. The row's transaction id, asserted by every commit, is the
    fence: whoever adopts the lane changes it, and the stale owner's next commit conflicts."""

    codec: Codec[LaneRow]
    row: LaneRow
    record: Record
    #: The highest sequence below which all are acknowledged; noted with the next commit.
    acknowledged: int

    @property
    def name(self) -> str:
        return self.row.lane

    @property
    def key(self) -> tuple[str]:
        return (self.row.lane,)

    async def verify(self, tx: Transaction) -> None:
        """Read the row in a locked transaction; raises LaneLost if it is no longer ours."""
        await tx.fetch({self.codec.table: [self.key]})
        record = tx.seen(self.codec.table, self.key)
        row = self.codec.decode(record) if record else None
        if record is None or row is None or not self._mine(row):
            raise LaneLost(self.name)
        self.row, self.record = row, record

    def _mine(self, row: LaneRow) -> bool:
        return row.owner == self.row.owner and row.state == OPEN

    def advance(self, tx: Transaction, count: int, *, known: bool) -> LaneRow:
        """Put the row that claims `count` more sequences into a transaction; every use is a beat.

        With `known` the row is assumed to be as this owner last wrote it, and not read again.
        """
        row = self.row.but(
            next=self.row.next + count, published=self.acknowledged, beat=self.row.beat + 1
        )
        if known:
            tx.assume(self.codec.table, self.key, self.record)
        tx.put(self.codec.table, self.codec.encode(row))
        return row

    def committed(self, row: LaneRow, tx_id: str) -> None:
        """The transaction that advanced the lane to `row` is committed."""
        self.record = Record(self.codec.encode(row), tx_id, self.record.tx_version + 1)
        self.row = row


async def open_lane(engine: Engine, codec: Codec[LaneRow], domain: str, member: str = "") -> Lane:
    """A new lane of our own; `member` begins its owner, so that the next process of the same data
    folder knows whose it was."""
    name = f"{domain}-{secrets.token_hex(LANE_NAME_BYTES)}"
    row = LaneRow(lane=name, owner=_owner(member), state=OPEN, next=1, published=0, beat=0)
    tx = engine.begin()
    values = codec.encode(row)
    tx.insert(codec.table, values)
    await tx.commit()
    return Lane(codec, row, Record(values, tx.id, 1), 0)


def _owner(member: str) -> str:
    return member + secrets.token_hex(LANE_NAME_BYTES)


async def lanes(engine: Readable, codec: Codec[LaneRow]) -> list[tuple[LaneRow, Record]]:
    """Every lane of a store."""
    tx = engine.begin()
    try:
        records = await tx.scan_all(codec.table)
    finally:
        await tx.rollback()
    return [(codec.decode(record), record) for record in records]


async def adopt(
    engine: Engine, codec: Codec[LaneRow], row: LaneRow, record: Record, member: str = ""
) -> Lane:
    """Take over a lane whose owner is gone; raises Conflict if it moved meanwhile."""
    tx = engine.begin()
    mine = row.but(owner=_owner(member), beat=row.beat + 1)
    values = codec.encode(mine)
    tx.assume(codec.table, (row.lane,), record)
    tx.put(codec.table, values)
    await tx.commit()
    return Lane(codec, mine, Record(values, tx.id, record.tx_version + 1), row.published)


async def retire(engine: Engine, lane: Lane) -> None:
    """Close a lane for ever; everything in it must be published."""
    tx = engine.begin()
    row = lane.row.but(state=RETIRED, published=lane.acknowledged, beat=lane.row.beat + 1)
    tx.assume(lane.codec.table, lane.key, lane.record)
    tx.put(lane.codec.table, lane.codec.encode(row))
    await tx.commit()
    lane.committed(row, tx.id)
