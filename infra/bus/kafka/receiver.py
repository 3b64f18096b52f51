"""One member of a consumer group: records in, and offsets committed lazily, never ahead."""

import asyncio
import time
from collections import deque
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any

from aiokafka.abc import ConsumerRebalanceListener
from aiokafka.errors import (
    IllegalStateError,
    KafkaError,
    NoOffsetForPartitionError,
    OffsetOutOfRangeError,
)

from infra.bus.errors import BusError, PositionLost
from infra.bus.kafka.connection import Connection
from infra.bus.kafka.offsets import Track
from infra.bus.kafka.reader import first_timestamps
from infra.observe import observe

#: How long a partition may be asked for its position before the last known one will do.
POSITION_LIMIT_SECONDS = 0.5
#: Done offsets are committed together this much later. What a crash repeats is dropped by the
#: ledger, so it may be long; it is short enough that a rolling restart repeats little.
COMMIT_INTERVAL_SECONDS = 0.25
#: A commit that must happen now (rebalance, close) gives up after this; the offsets then lag.
LAST_COMMIT_LIMIT_SECONDS = 2.0
#: Leaving a group whose brokers are gone.
STOP_LIMIT_SECONDS = 2.0
#: Between two polls of a broker that is in trouble.
RETRY_SECONDS = 0.5
#: A poll asks again after this; a record ends the wait at once.
POLL_WAIT_MS = 60_000


class Receiver(ConsumerRebalanceListener):  # type: ignore[misc]
    """Records of one group, at least once, in order per partition.

    With a `name` it is a static member (KIP-345): of one name no two may live, and the next takes
    the last one's place and partitions at once, without a rebalance.
    """

    def __init__(self, connection: Connection, group: str, name: str = "", **settings: Any) -> None:
        self._connection = connection
        self._group, self._name = group, name
        if name:
            settings["client_id"] = settings["group_instance_id"] = name
        self._consumer = connection.consumer(group_id=group, **settings)
        self._tracks: dict[Any, Track] = {}
        #: Where partitions begin that have brought nothing since they were assigned.
        self._begun: dict[Any, int] = {}
        self._ready: deque[Any] = deque()
        self._dirty = asyncio.Event()
        self._committing: asyncio.Task[None] | None = None

    async def start(self, topics: Sequence[str]) -> None:
        """Join the group."""
        self._consumer.subscribe(list(topics), listener=self)
        try:
            await self._consumer.start()
        except BaseException:
            await self._consumer.stop()
            raise
        self._committing = asyncio.create_task(self._commit_lazily())

    async def poll(self, max_records: int, max_bytes: int) -> list[Any]:
        """The next records, at least one; bytes are those of keys and values."""
        while not self._ready:
            try:
                found = await self._consumer.getmany(timeout_ms=POLL_WAIT_MS)
            except NoOffsetForPartitionError:
                await self._begin()
                continue
            except OffsetOutOfRangeError as error:
                raise PositionLost(
                    f"Kafka no longer has what was not handled yet ({error}); run `odori refill`"
                ) from error
            except KafkaError as error:
                if not error.retriable:
                    raise BusError(f"Kafka refuses to deliver: {error!r}") from error
                observe("bus.trouble", error=repr(error))
                await asyncio.sleep(RETRY_SECONDS)
                continue
            for place, records in found.items():
                if place not in self._tracks:
                    self._tracks[place] = Track(records[0].offset)
                self._tracks[place].arrived(records)
                self._ready.extend(records)
        return self._take(max_records, max_bytes)

    def _take(self, max_records: int, max_bytes: int) -> list[Any]:
        ready, taken = self._ready, [self._ready.popleft()]
        size = record_bytes(taken[0])
        while ready and len(taken) < max_records:
            size += record_bytes(ready[0])
            if size > max_bytes:
                break
            taken.append(ready.popleft())
        return taken

    async def _begin(self) -> None:
        """Go to the earliest record of each partition that this group never committed."""
        with suppress(IllegalStateError):  # lost meanwhile: a rebalance decides anew
            places = [p for p in self._consumer.assignment() if p not in self._tracks]
            known = await asyncio.gather(*(self._consumer.committed(p) for p in places))
            new = [p for p, offset in zip(places, known, strict=True) if offset is None]
            if new:
                await self._consumer.seek_to_beginning(*new)

    def done(self, offsets: Iterable[tuple[str, int, int]]) -> None:
        """These (topic, partition, offset) are handled, for good."""
        for topic, partition, offset in offsets:
            if track := self._tracks.get((topic, partition)):
                track.done(offset)
        self._dirty.set()

    def rewind(self) -> None:
        """Everything that is not done arrives again."""
        self._ready.clear()
        for place, track in self._tracks.items():
            if track.waiting:
                track.forget()
                self._consumer.seek(place, track.position)

    # offsets

    async def _commit_lazily(self) -> None:
        while True:
            await self._dirty.wait()
            await asyncio.sleep(COMMIT_INTERVAL_SECONDS)
            self._dirty.clear()
            try:
                await self._commit()
            except KafkaError as error:
                observe("bus.offsets_not_committed", error=repr(error))
                self._dirty.set()

    async def _commit(self) -> None:
        tracks = {p: t for p, t in self._tracks.items() if t.position != t.committed}
        if not tracks:
            return
        offsets = {place: track.position for place, track in tracks.items()}
        await self._consumer.commit(offsets)
        for place, track in tracks.items():
            track.committed = offsets[place]

    async def _commit_now(self) -> None:
        try:
            await asyncio.wait_for(self._commit(), LAST_COMMIT_LIMIT_SECONDS)
        except (KafkaError, TimeoutError) as error:
            observe("bus.offsets_not_committed", error=repr(error))

    async def on_partitions_revoked(self, revoked: Any) -> None:
        """Aiokafka gives all partitions back at each rebalance: what is not done arrives again,
        here or elsewhere."""
        await self._commit_now()
        self._tracks.clear()
        self._begun.clear()
        self._ready.clear()

    def on_partitions_assigned(self, assigned: Any) -> None:
        """Tracks begin with the first record."""

    # how far behind

    async def ask(self) -> None:
        """Return once a broker answers."""
        await self._consumer.topics()

    async def lag(self) -> dict[str, tuple[int, float]]:
        """Per topic, of the partitions held now: messages not done, seconds since the oldest."""
        ends = await self._consumer.end_offsets(list(self._consumer.assignment()))
        positions = dict(zip(ends, await asyncio.gather(*map(self._position, ends)), strict=True))
        behind = {p: ends[p] - at for p, at in positions.items() if at < ends[p]}
        oldest = {
            p: track.waiting[0].timestamp
            for p in behind
            if (track := self._tracks.get(p)) and track.waiting
        }
        unseen = {p: positions[p] for p in behind if p not in oldest}
        oldest |= await first_timestamps(self._connection, unseen)
        now = time.time()
        lag: dict[str, tuple[int, float]] = {}
        for place in ends:
            messages, seconds = lag.get(place.topic, (0, 0.0))
            age = max(0.0, now - oldest[place] / 1000) if place in oldest else 0.0
            lag[place.topic] = (messages + behind.get(place, 0), max(seconds, age))
        return lag

    async def _position(self, place: Any) -> int:
        track = self._tracks.get(place)
        if track and track.waiting:
            return track.position
        if track:  # beyond the last record there may be marks of transactions
            try:
                return int(
                    await asyncio.wait_for(self._consumer.position(place), POSITION_LIMIT_SECONDS)
                )
            except TimeoutError:  # aiokafka has none while a partition changes hands
                return track.position
        if place not in self._begun:
            committed = await self._consumer.committed(place)
            if committed is None:
                committed = (await self._consumer.beginning_offsets([place]))[place]
            self._begun[place] = int(committed)  # stays so as long as nothing arrives here
        return self._begun[place]

    async def _stop(self) -> None:
        await self._consumer.stop()
        if self._name:  # aiokafka leaves a static member's place open until its session is over
            await self._connection.bury(self._group, self._name)

    async def close(self) -> None:
        """Commit what is done and leave the group."""
        committing, self._committing = self._committing, None
        if committing:
            committing.cancel()
            await asyncio.gather(committing, return_exceptions=True)
            await self._commit_now()
        # A broker that is gone makes aiokafka's stop fail, or end as if it had been cancelled.
        stopping = asyncio.ensure_future(self._stop())
        await asyncio.wait((stopping,), timeout=STOP_LIMIT_SECONDS)
        if not stopping.done():
            stopping.cancel()
        elif not stopping.cancelled() and stopping.exception() is not None:
            observe("bus.trouble", error=repr(stopping.exception()))


def record_bytes(record: Any) -> int:
    """A record's size as a poll counts it."""
    return len(record.key or b"") + len(record.value or b"")
