"""What a batch writes: final images, announcements in the lane, positions."""

from collections.abc import Iterable, Sequence
from typing import Any

from domains.row import Row, RowKey
from infra.engine.engine import Transaction
from infra.engine.table import Record, Value
from streams import deadletter
from streams.cache import Committed, RowCache
from streams.codec import Codec
from streams.envelope import Envelope
from streams.lane import Lane
from streams.perform import Performance
from streams.rows import Position, TimerDue
from streams.topology import Part
from streams.trace import next_hop
from streams.workspace import UNREAD, Image

#: How far a subscriber has heard a lane: (subscriber, publisher, lane, sequence).
Mark = tuple[str, str, str, int]


class Writes:
    """The writing half of one transaction."""

    def __init__(
        self,
        part: Part,
        tx: Transaction,
        lane: Lane,
        positions: dict[RowKey, Record],
        cache: RowCache | None,
    ) -> None:
        self.part = part
        self.tx = tx
        self.any = False
        self.announced = 0
        self._lane = lane
        self._positions = positions
        self._cache = cache
        self._marked: dict[RowKey, Record] = {}
        self._kept: list[tuple[type[Row], list[Committed]]] = []

    def images(self, images: Iterable[tuple[type[Row], list[Image]]]) -> int | None:
        """Write the touched rows; returns when the earliest of the new timers is due."""
        dues: list[int] = []
        for row, touched in images:
            if touched:
                self.any = True
                self._kept.append((row, self._of_one_table(self.part.codecs[row], touched)))
            if row is TimerDue:
                dues = [int(key[1]) for key, before, after in touched if after and before is None]
        return min(dues, default=None)

    def _of_one_table(self, codec: Codec[Any], touched: list[Image]) -> list[Committed]:
        tx, table, encode, record = self.tx, codec.table, codec.encode, tuple.__new__
        new: list[tuple[Value, ...]] = []
        kept: list[Committed] = []
        for key, before, after in touched:
            if before is UNREAD:
                tx.discard(table, key)
            elif after is None:
                tx.delete(table, key)
                kept.append((key, None, None))
            elif before is None:
                values = encode(after)
                new.append(values)
                kept.append((key, record(Record, (values, tx.id, 1)), after))
            else:
                old = tx.seen(table, key)
                values = encode(after, before, old)
                tx.put(table, values)
                version = old.tx_version + 1 if old else 1
                kept.append((key, record(Record, (values, tx.id, version)), after))
        tx.insert_new(table, new)
        return kept

    def announce(self, show: Performance) -> list[Envelope]:
        """Number what the pass announced, and insert it into the outbox."""
        lane, time = self._lane, show.ws.now.isoformat(timespec="milliseconds")
        source, sequence = f"/odori/{self.part.name}/{lane.name}", lane.row.next
        envelopes = []
        for delivery, message, payload in show.announced:
            spec, heard = message.spec, delivery.envelope
            envelopes.append(
                Envelope(
                    id=f"{lane.name}-{sequence}", source=source, type=spec.wire, topic=spec.topic,
                    key=spec.key(message), payload=payload, saga=spec.saga(message),
                    subject=spec.subject(message), time=time, cause=heard.id if heard else "",
                    sequence=sequence, traceparent=next_hop(heard.traceparent if heard else ""),
                    origin=heard.origin if heard else "", body=message,
                )
            )  # fmt: skip
            sequence += 1
        for delivery, error in show.letters:
            letter = deadletter.announce(self.part.name, delivery, error, time)
            letter.id, letter.source, letter.sequence = f"{lane.name}-{sequence}", source, sequence
            envelopes.append(letter)
            sequence += 1
        self.tx.insert_new(self.part.outbox, [envelope.row(lane.name) for envelope in envelopes])
        self.announced = len(envelopes)
        self.any = self.any or bool(envelopes)
        return envelopes

    async def mark(self, marks: Sequence[Mark], *, known: bool) -> None:
        """Write positions with the transaction; they may lag what is handled, never lead it."""
        codec, tx = self.part.codecs[Position], self.tx
        unknown = {m[:3] for m in marks if not known or m[:3] not in self._positions}
        if unknown:
            await tx.fetch({codec.table: unknown})
        for mark in marks:
            key = mark[:3]
            if key in unknown:
                old = tx.seen(codec.table, key)
            else:
                old = self._positions[key]
                tx.assume(codec.table, key, old)
            tx.put(codec.table, mark)
            self._marked[key] = Record(mark, tx.id, old.tx_version + 1 if old else 1)

    def committed(self) -> None:
        """The transaction is committed: remember what was written."""
        self._positions.update(self._marked)
        if self._cache is not None:
            self._cache.absorb(self._kept)
