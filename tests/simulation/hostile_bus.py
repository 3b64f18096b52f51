"""The third binding of the bus: a broker that does everything that a broker may do, by its seed.

It survives the processes; messages come late, twice, out of order over partitions; sends fail in
the middle and leave holes; offsets are noted late; partitions move, rewind, and become more.
"""

import asyncio
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from random import Random
from zlib import crc32

from streams.bus import Arrival, Lag, TopicSpec, unread
from streams.envelope import Envelope, Headers, NotCloudEvent
from tests.simulation.host import Around, Host

#: A late message is so late at most.
LATE_MAX_S = 5.0
#: A rewound partition begins so many messages earlier at most.
REWIND_MAX_MESSAGES = 20
#: Messages of one poll at most.
POLL_MAX_MESSAGES = 40
#: A subscriber that hears nothing looks again after so long.
LOOK_S = 1.0

Place = tuple[str, int]


@dataclass(slots=True)
class Sent:
    """One record of a partition."""

    visible: float
    key: bytes | None
    value: bytes | None
    headers: Headers


@dataclass(slots=True)
class Polled(Arrival):
    """An arrival that knows under which assignment it was polled."""

    generation: int = 0


@dataclass
class Group:
    """The members of one consumer group, and how far it has noted each partition."""

    topics: Sequence[str]
    committed: dict[Place, int] = field(default_factory=dict)
    handled: dict[Place, int] = field(default_factory=dict)
    #: Offsets that were polled and are not done, with how often.
    under_way: dict[Place, Counter[int]] = field(default_factory=dict)
    members: "list[HostileSubscription]" = field(default_factory=list)
    generation: int = 0


class Broker:
    """The partitions and the groups."""

    def __init__(self, world: Around) -> None:
        self.world = world
        self.chance: Random = world.chance
        self.partitions = world.knobs.partitions
        self.logs: dict[Place, list[Sent]] = {}
        self.groups: dict[str, Group] = {}
        #: (topic, message id) of everything that was ever appended.
        self.seen: set[tuple[str, str]] = set()

    def append(self, topic: str, key: bytes | None, value: bytes | None, headers: Headers) -> None:
        """One record at the end of its key's partition."""
        knobs, storm = self.world.knobs, self.world.storm
        visible = asyncio.get_running_loop().time()
        if storm and self.chance.random() < knobs.late:
            visible += self.chance.random() * LATE_MAX_S
        place = (topic, crc32(key or b"") % self.partitions)
        self.logs.setdefault(place, []).append(Sent(visible, key, value, headers))
        for group in self.groups.values():
            if topic in group.topics:
                for member in group.members:
                    member.wake.set()

    def send(self, envelope: Envelope) -> None:
        """Append a message of ours, perhaps twice."""
        self.seen.add((envelope.topic, envelope.id))
        again = self.world.storm and self.chance.random() < self.world.knobs.twice
        for _ in range(2 if again else 1):
            self.append(envelope.topic, envelope.key.encode(), envelope.payload, envelope.headers())

    def places(self, group: Group) -> list[Place]:
        return [(topic, number) for topic in group.topics for number in range(self.partitions)]

    def assign(self, group: Group) -> None:
        """Deal the partitions out anew; everybody begins where the group has noted."""
        group.generation += 1
        group.under_way = {}
        members = [member for member in group.members if not member.host.paused]
        for member in group.members:
            member.reading = {}
        for number, place in enumerate(self.places(group)):
            if members:
                begin = group.committed.get(place, 0)
                members[(number + group.generation) % len(members)].reading[place] = begin
        for member in group.members:
            member.wake.set()

    def rebalance(self) -> None:
        """Every group, as after a lost session."""
        for group in self.groups.values():
            self.assign(group)

    def grow(self) -> None:
        """More partitions than before: keys move to others."""
        self.partitions += 1
        self.rebalance()

    def idle(self) -> bool:
        """Whether every group has handled all there is."""
        return all(
            group.handled.get(place, 0) >= len(self.logs.get(place, ()))
            for group in self.groups.values()
            for place in self.places(group)
        )


class HostileSubscription:
    """One member of a group."""

    def __init__(self, broker: Broker, host: Host, name: str, topics: Sequence[str]) -> None:
        self.broker = broker
        self.host = host
        self.name = name
        self.reading: dict[Place, int] = {}
        self.wake = asyncio.Event()
        self.group = broker.groups.setdefault(name, Group(topics))
        self.group.members.append(self)
        broker.assign(self.group)

    async def poll(self, max_messages: int, max_bytes: int) -> list[Arrival]:
        while True:
            await self.host.gate()
            if batch := self._take(min(max_messages, POLL_MAX_MESSAGES)):
                return batch
            self.wake.clear()
            try:
                async with asyncio.timeout(self._patience()):
                    await self.wake.wait()
            except TimeoutError:
                continue

    def _patience(self) -> float:
        now, logs = asyncio.get_running_loop().time(), self.broker.logs
        heads = [logs[p][at].visible for p, at in self.reading.items() if at < len(logs.get(p, ()))]
        return max(0.001, min((head - now for head in heads), default=LOOK_S))

    def _take(self, most: int) -> list[Arrival]:
        broker, chance = self.broker, self.broker.chance
        now, found = asyncio.get_running_loop().time(), list[Arrival]()
        places = list(self.reading)
        chance.shuffle(places)
        most = chance.randint(1, most)
        for place in places:
            log, at = broker.logs.get(place, []), self.reading[place]
            if broker.world.storm and chance.random() < broker.world.knobs.rewind:
                at = max(0, at - chance.randint(1, REWIND_MAX_MESSAGES))
            while at < len(log) and log[at].visible <= now and len(found) < most:
                found.append(self._arrival(place, at, log[at]))
                self.group.under_way.setdefault(place, Counter())[at] += 1
                at += 1
            self.reading[place] = at
        return found

    def _arrival(self, place: Place, offset: int, sent: Sent) -> Polled:
        raw = (sent.key, sent.value, sent.headers)
        try:
            envelope = Envelope.of_record(place[0], *raw)
            return Polled(envelope, *place, offset, generation=self.group.generation)
        except NotCloudEvent as error:
            bad = unread(*place, offset, str(error), raw)
            return Polled(
                None, *place, offset, str(error), bad.raw_key, bad.raw_value, bad.raw_headers,
                generation=self.group.generation,
            )  # fmt: skip

    def marks(self, batch: Sequence[Arrival]) -> list[tuple[str, str, str, int]]:
        return []

    def done(self, batch: Sequence[Arrival]) -> None:
        group, world = self.group, self.broker.world
        for arrival in batch:
            place = (arrival.topic, arrival.partition)
            if isinstance(arrival, Polled) and arrival.generation == group.generation:
                upto = self._finished(place, arrival.offset)
                group.handled[place] = max(upto, group.handled.get(place, 0))
                if not world.storm or self.broker.chance.random() < world.knobs.noted:
                    group.committed[place] = upto

    def _finished(self, place: Place, offset: int) -> int:
        """The offset below which all is done, in whatever order that happened."""
        open_ = self.group.under_way.setdefault(place, Counter())
        open_[offset] -= 1
        if open_[offset] <= 0:
            del open_[offset]
        return min(open_, default=self.reading.get(place, offset + 1))

    def notes(self) -> list[tuple[str, str, str, int]]:
        return []

    def noted(self, notes: Sequence[tuple[str, str, str, int]]) -> None:
        """The broker keeps the positions."""

    def rewind(self) -> None:
        self.reading = {place: self.group.committed.get(place, 0) for place in self.reading}

    async def ask(self) -> None:
        """Always there, hostile as it is."""

    async def lag(self) -> list[Lag]:
        return []

    async def close(self) -> None:
        if self in self.group.members:
            self.group.members.remove(self)
            self.broker.assign(self.group)


class HostileBus:
    """One process's connection to the broker."""

    def __init__(self, broker: Broker, host: Host) -> None:
        self._broker = broker
        self._host = host
        self._subscriptions: list[HostileSubscription] = []

    async def start(self, topics: Sequence[TopicSpec]) -> None:
        """Topics come into being when something is sent to them."""

    async def publish(self, lane: str, batch: Sequence[Envelope]) -> int:
        broker, world = self._broker, self._broker.world
        await self._host.gate()
        self._host.perhaps_die("publish")
        reached = batch[-1].sequence
        for envelope in batch:
            if world.storm and broker.chance.random() < world.knobs.lost:
                reached = min(reached, envelope.sequence - 1)
            else:
                broker.send(envelope)
        self._host.perhaps_die("published")
        await self._host.gate()
        return reached

    async def subscribe(
        self, subscriber: str, topics: Sequence[str], skip: Collection[str] = ()
    ) -> HostileSubscription:
        await self._host.gate()
        subscription = HostileSubscription(self._broker, self._host, subscriber, topics)
        self._subscriptions.append(subscription)
        return subscription

    async def tail(
        self, topic: str, *, last: int = 0, since_ms: int | None = None, limit: int = 100
    ) -> list[Envelope]:
        return []

    def quiet(self) -> bool:
        """The broker knows whether all is heard."""
        return True

    async def close(self) -> None:
        for subscription in self._subscriptions:
            await subscription.close()
