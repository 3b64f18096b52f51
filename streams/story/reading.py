"""What a story is told from: one saga's ledger rows, and the messages that they name or made.

A ledger row names the message that it heard by its id, `<lane>-<sequence>`: the outbox row's key.
What a step announced carries the time of its batch, by which a lane is sorted.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Protocol

from compensations.ledger import Entry, State
from domains.row import Row
from infra.engine.engine import Transaction
from infra.engine.snapshot import Reader
from streams.codec import Codec
from streams.envelope import Envelope
from streams.rows import LaneRow, Parked
from streams.story.told import Stuck, stamp
from streams.topology import Part, Topology

#: Ledger rows of one saga that are told; an order has ten, a product one per delivery of goods.
ENTRIES_MAX_COUNT = 500
#: Outbox rows read at a time where a step's announcements are looked for.
PAGE_MAX_ROWS = 200


class Shelf(Protocol):
    """What a story reads of one domain's store; it never writes."""

    part: Part
    reader: Reader

    def codec(self, row: type[Row]) -> Codec[Any]: ...


class Gathered:
    """One saga: ledger rows first, then the messages that they name or made."""

    def __init__(self, stores: Mapping[str, Shelf], topology: Topology, saga: str) -> None:
        self.stores = stores
        self.topology = topology
        self.saga = saga
        self.entries: list[tuple[str, Entry]] = []
        self.parked: list[Stuck] = []
        self.messages: dict[str, Envelope] = {}

    async def read(self, domain: str, store: Shelf, tx: Transaction) -> None:
        """One domain's ledger, its parked rows, and what its steps announced."""
        codec, waiting = store.codec(Entry), store.codec(Parked)
        for record in await tx.scan(codec.table, (self.saga,), limit=ENTRIES_MAX_COUNT):
            entry = codec.decode(record)
            assert isinstance(entry, Entry)
            self.entries.append((domain, entry))
        for record in await tx.scan(waiting.table, (self.saga,)):
            row = waiting.decode(record)
            assert isinstance(row, Parked)
            due = row.due.isoformat() if row.due else None
            self.parked.append(Stuck(domain, row.type, row.state, row.attempts, due, row.reason))
        own = [entry for d, entry in self.entries if d == domain]
        if own:
            await self._announced(store, tx, own)
            await self._from_namesake(domain, store, tx)

    async def _announced(self, store: Shelf, tx: Transaction, entries: list[Entry]) -> None:
        moments = {e.at for e in entries} | {e.undone_at for e in entries if e.undone_at}
        for lane in await self._lanes(store, tx):
            for moment in moments:
                await self._announced_at(store, tx, lane, moment)

    async def _from_namesake(self, domain: str, store: Shelf, tx: Transaction) -> None:
        """What the saga that this one is named after did to it: an order ends the hold of its id,
        and so does a command about the order's reservation."""
        name, codec = self.saga.partition(":")[2], store.codec(Entry)
        if not name:
            return
        records = await tx.scan(codec.table, (name,), limit=ENTRIES_MAX_COUNT)
        found = [codec.decode(record) for record in records]
        await self._announced(store, tx, found)
        steps = self.topology.parts[domain].domain.steps
        said = [e for e in self.messages.values() if e.saga == self.saga]
        for entry in found:
            step = steps.get(entry.step)
            types = {m.spec.wire for m in step.announces} if step else set()
            if any(e.cause == entry.cause and e.type in types for e in said):
                done = State.DONE if entry.state == State.UNDONE else entry.state
                bare = entry.but(state=done, undone_at=None, undone_by=None)
                self.entries.append((domain, bare))

    async def _lanes(self, store: Shelf, tx: Transaction) -> list[LaneRow]:
        codec = store.codec(LaneRow)
        rows = [codec.decode(record) for record in await tx.scan_all(codec.table)]
        return [row for row in rows if isinstance(row, LaneRow) and row.next > 1]

    async def _announced_at(
        self, store: Shelf, tx: Transaction, lane: LaneRow, moment: datetime
    ) -> None:
        """Find the batch of this moment in a lane by halving, and keep what is of this saga."""
        wanted = stamp(moment)
        low, high = 1, lane.next
        while low < high:
            middle = (low + high) // 2
            found = await tx.scan(
                store.part.outbox, (lane.lane,), start=(middle,), end=(high,), limit=1
            )
            if found and Envelope.of_row(found[0].values).time < wanted:
                low = int(found[0].values[1] or 0) + 1
            else:
                high = middle
        await self._keep_batch(store, tx, lane.lane, low, wanted)

    async def _keep_batch(
        self, store: Shelf, tx: Transaction, lane: str, first: int, wanted: str
    ) -> None:
        causes = self._causes()
        rows = await tx.scan(store.part.outbox, (lane,), start=(first,), limit=PAGE_MAX_ROWS)
        for record in rows:
            envelope = Envelope.of_row(record.values)
            if envelope.time > wanted:
                return
            ours = envelope.saga == self.saga or envelope.cause in causes
            if ours and not envelope.topic.endswith(".dlq"):
                self.messages[envelope.id] = envelope
        if len(rows) == PAGE_MAX_ROWS:
            await self._keep_batch(store, tx, lane, first + PAGE_MAX_ROWS, wanted)

    def _causes(self) -> set[str]:
        """The messages that the effects of this saga came from; what one of them led to belongs to
        the story, even where it is of another saga (a hold that an order's command lets go)."""
        both = [(e.cause, e.undone_by) for _, e in self.entries]
        return {cause for pair in both for cause in pair if cause}

    async def follow_causes(self) -> None:
        """Fetch the messages that the ledger names and the search by time did not meet."""
        wanted: dict[str, list[tuple[str, int]]] = {}
        for id_ in self._causes() - self.messages.keys():
            lane, _, sequence = id_.rpartition("-")
            domain = lane.rpartition("-")[0]
            if domain in self.stores and sequence.isdecimal():
                wanted.setdefault(domain, []).append((lane, int(sequence)))
        for domain, keys in wanted.items():
            store = self.stores[domain]
            async with store.reader.begin() as snapshot:
                await snapshot.fetch({store.part.outbox: keys})
                for key in keys:
                    record = snapshot.seen(store.part.outbox, key)
                    if record is not None:
                        envelope = Envelope.of_row(record.values)
                        self.messages[envelope.id] = envelope
