"""The bus inside one process: lanes hand their committed ranges over, outboxes hold the rest."""

import asyncio
from collections import deque
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from time import time
from typing import Protocol

from infra.engine.errors import EngineError
from infra.engine.table import Record
from infra.observe import observe
from streams.bus import Arrival, Lag, TopicSpec
from streams.envelope import Envelope

#: Arrivals one subscriber keeps in memory; beyond that it reads the outbox again later.
QUEUE_MAX_MESSAGES = 20_000
#: How long a subscriber that is behind waits when an outbox could not be read.
TROUBLE_WAIT_S = 0.2
#: Outbox rows read at a time by a subscriber that is behind.
PAGE_MAX_ROWS = 1_000


class Shelf(Protocol):
    """What the embedded bus reads of one domain's store: its lanes and its outbox."""

    async def lanes(self) -> list[tuple[str, int]]:
        """Every lane with the sequence that comes next in it."""

    async def page(self, lane: str, after: int, limit: int) -> list[Record]:
        """Outbox rows of a lane beyond a sequence, in order."""

    async def heard(self, subscriber: str) -> dict[tuple[str, str], int]:
        """The positions that a subscriber noted here, by (publisher, lane)."""


class EmbeddedSubscription:
    """One subscriber's place on the lanes of all domains.

    `_read` is how far a lane was taken into the queue, `_done` how far it was handled; a hand-over
    that does not begin at `_read` + 1 is left to the outbox.
    """

    def __init__(
        self, bus: "EmbeddedBus", subscriber: str, topics: Collection[str], skip: Collection[str]
    ) -> None:
        self.subscriber = subscriber
        self._bus = bus
        self._topics = frozenset(topics)
        self._skip = frozenset(skip)
        self._queue: deque[Arrival] = deque()
        self._read: dict[tuple[str, str], int] = {}
        self._done: dict[tuple[str, str], int] = {}
        self._last_queued: dict[tuple[str, str], int] = {}
        self._known: dict[tuple[str, str], int] = {}
        self._behind: dict[tuple[str, str], None] = {}
        self._noted: dict[tuple[str, str], int] = {}
        self._wake = asyncio.Event()

    def restore(self, positions: Mapping[tuple[str, str], int]) -> None:
        """Begin after these positions."""
        self._done, self._read = dict(positions), dict(positions)
        self._noted = dict(positions)
        self._queue.clear()
        self._last_queued.clear()

    def notice(self, place: tuple[str, str], last: int) -> None:
        """A lane is known to reach up to `last`; what was not handed over is read later."""
        self._known[place] = max(last, self._known.get(place, 0))
        if self._read.get(place, 0) < last:
            self._behind[place] = None
            self._wake.set()

    def offer(self, place: tuple[str, str], batch: Sequence[Envelope]) -> None:
        """Take a committed range, if it continues what was read and there is room."""
        last = batch[-1].sequence
        self._known[place] = max(last, self._known.get(place, 0))
        fits = len(self._queue) + len(batch) <= QUEUE_MAX_MESSAGES
        if place in self._behind or self._read.get(place, 0) + 1 != batch[0].sequence or not fits:
            self._behind[place] = None
            self._wake.set()
            return
        self._take(place, batch)

    def _take(self, place: tuple[str, str], batch: Sequence[Envelope]) -> None:
        for envelope in batch:
            if envelope.topic in self._topics and envelope.type not in self._skip:
                self._queue.append(Arrival(envelope, envelope.topic, 0, envelope.sequence))
                self._last_queued[place] = envelope.sequence
        self._read[place] = batch[-1].sequence
        if self._queue:
            self._wake.set()

    async def poll(self, max_messages: int, max_bytes: int) -> list[Arrival]:
        while not self._queue:
            if self._behind:
                try:
                    await self._catch_up()
                except EngineError as error:
                    observe("store.trouble", subscriber=self.subscriber, error=str(error))
                    await asyncio.sleep(TROUBLE_WAIT_S)
            else:
                self._wake.clear()
                await self._wake.wait()
        batch: list[Arrival] = []
        size = 0
        while self._queue and len(batch) < max_messages and size < max_bytes:
            arrival = self._queue.popleft()
            batch.append(arrival)
            size += len(arrival.envelope.payload) if arrival.envelope else 0
        return batch

    async def _catch_up(self) -> None:
        place = next(iter(self._behind))
        publisher, lane = place
        after = self._read.get(place, 0)
        records = await self._bus.shelves[publisher].page(lane, after, PAGE_MAX_ROWS)
        if self._read.get(place, 0) != after:
            return
        if records:
            self._take(place, [Envelope.of_row(record.values) for record in records])
        if self._read.get(place, 0) >= self._known.get(place, 0) or not records:
            del self._behind[place]

    def marks(self, batch: Sequence[Arrival]) -> list[tuple[str, str, str, int]]:
        reach = self._reach(batch)
        return [(self.subscriber, *place, sequence) for place, sequence in reach.items()]

    def _reach(self, batch: Sequence[Arrival]) -> dict[tuple[str, str], int]:
        """How far each lane is heard once this batch is: beyond its last arrival, up to the end of
        what was read, where nothing in between is for this domain."""
        last = {a.envelope.source: a.offset for a in batch if a.envelope is not None}
        reach = {place_of(source): sequence for source, sequence in last.items()}
        for place, sequence in reach.items():
            if self._last_queued.get(place) == sequence:
                reach[place] = self._read[place]
        return reach

    def done(self, batch: Sequence[Arrival]) -> None:
        self._done.update(self._reach(batch))

    def notes(self) -> list[tuple[str, str, str, int]]:
        for place, read in self._read.items():
            if self._last_queued.get(place, 0) <= self._done.get(place, 0):
                self._done[place] = read
        moved = {p: s for p, s in self._done.items() if self._noted.get(p) != s}
        return [(self.subscriber, *place, sequence) for place, sequence in moved.items()]

    def noted(self, notes: Sequence[tuple[str, str, str, int]]) -> None:
        mine = self.subscriber
        self._noted.update({(p, lane): at for who, p, lane, at in notes if who == mine})

    def rewind(self) -> None:
        self.restore(self._done)
        for place, last in self._known.items():
            self.notice(place, last)

    def unheard(self) -> dict[tuple[str, str], tuple[int, int]]:
        """Lanes that are not handled to their end: (handled, last)."""
        return {
            place: (self._done.get(place, 0), last)
            for place, last in self._known.items()
            if self._last_queued.get(place, 0) > self._done.get(place, 0) or place in self._behind
        }

    async def lag(self) -> list[Lag]:
        waiting = {topic: [0, 0.0] for topic in self._topics}
        for arrival in self._queue:
            seen = waiting[arrival.topic]
            if not seen[0]:
                seen[1] = age_of(arrival.envelope)  # the queue is as good as sorted by time
            seen[0] += 1
        behind = sum(self._known.get(place, 0) - self._read.get(place, 0) for place in self._behind)
        lags = [Lag(topic, int(count), age) for topic, (count, age) in sorted(waiting.items())]
        return [*lags, Lag("(unread)", behind, 0.0)] if behind else lags

    async def ask(self) -> None:
        """It is in this process."""

    async def close(self) -> None:
        self._bus.subscriptions.pop(self.subscriber, None)


class EmbeddedBus:
    """The binding of one process over its stores' outboxes."""

    def __init__(self, shelves: Mapping[str, Shelf]) -> None:
        self.shelves = shelves
        self.subscriptions: dict[str, EmbeddedSubscription] = {}

    async def start(self, topics: Sequence[TopicSpec]) -> None:
        """Topics need no making here; they are a column of the outbox."""

    async def publish(self, lane: str, batch: Sequence[Envelope]) -> int:
        if batch:
            place = place_of(batch[0].source)
            for subscription in self.subscriptions.values():
                subscription.offer(place, batch)
        return batch[-1].sequence if batch else 0

    async def subscribe(
        self, subscriber: str, topics: Sequence[str], skip: Collection[str] = ()
    ) -> EmbeddedSubscription:
        subscription = EmbeddedSubscription(self, subscriber, topics, skip)
        self.subscriptions[subscriber] = subscription
        store = self.shelves[subscriber.partition(".")[0]]
        subscription.restore(await store.heard(subscriber))
        for publisher in self.shelves:
            await self._notice(publisher, [subscription])
        return subscription

    async def refresh(self, publisher: str) -> None:
        """Another process may have committed in this domain's store: look at its lanes."""
        await self._notice(publisher, list(self.subscriptions.values()))

    async def _notice(self, publisher: str, subscriptions: list[EmbeddedSubscription]) -> None:
        for lane, following in await self.shelves[publisher].lanes():
            for subscription in subscriptions:
                subscription.notice((publisher, lane), following - 1)

    async def tail(
        self, topic: str, *, last: int = 0, since_ms: int | None = None, limit: int = 100
    ) -> list[Envelope]:
        shelf = self.shelves[topic.partition(".")[0]]
        found: list[Envelope] = []
        for lane, following in await shelf.lanes():
            after = max(0, following - 1 - TAIL_MAX_ROWS)
            records = await shelf.page(lane, after, TAIL_MAX_ROWS)
            envelopes = (Envelope.of_row(record.values) for record in records)
            found += [e for e in envelopes if e.topic == topic]
        found.sort(key=lambda e: (e.time, e.sequence))
        if since_ms is not None:
            return [e for e in found if _epoch_ms(e.time) >= since_ms][:limit]
        return found[-(last or limit) :]

    async def close(self) -> None:
        self.subscriptions.clear()


#: Outbox rows of one lane that a tail looks at.
TAIL_MAX_ROWS = 2_000


def place_of(source: str) -> tuple[str, str]:
    """(publishing domain, lane), read from an envelope's source `/odori/<domain>/<lane>`."""
    _, _, domain, lane = source.split("/", 3)
    return domain, lane


def age_of(envelope: Envelope | None) -> float:
    """Seconds since the message was announced."""
    return max(0.0, time() - _epoch_ms(envelope.time) / 1000) if envelope else 0.0


def _epoch_ms(moment: str) -> int:
    return round(datetime.fromisoformat(moment).timestamp() * 1000) if moment else 0
