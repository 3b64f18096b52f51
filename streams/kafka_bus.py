"""The bus over Kafka: envelopes as CloudEvents in binary mode; both modes are read."""

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from typing import Any

from infra.bus.kafka import reader
from infra.bus.kafka.connection import CONNECT_LIMIT_SECONDS, Connection, Topic
from infra.bus.kafka.listener import Listener, Onlooker
from infra.bus.kafka.receiver import Receiver
from infra.bus.kafka.sender import Sender
from streams.bus import Arrival, Bus, Deaf, Lag, Subscription, TopicSpec, unread
from streams.envelope import Envelope, NotCloudEvent

#: Messages overheard at a time.
OVERHEARD_MAX_MESSAGES = 1_000


class KafkaSubscription(Subscription):
    """One subscriber's member of its consumer group; the broker keeps its position."""

    def __init__(self, receiver: Receiver, skip: Collection[str]) -> None:
        self._receiver = receiver
        self._skip = frozenset(wire.encode() for wire in skip)

    async def poll(self, max_messages: int, max_bytes: int) -> list[Arrival]:
        while True:
            arrivals, skipped = [], []
            for record in await self._receiver.poll(max_messages, max_bytes):
                if _type_of(record) in self._skip:
                    skipped.append((record.topic, record.partition, record.offset))
                else:
                    arrivals.append(_arrival(record))
            if skipped:
                self._receiver.done(skipped)
            if arrivals:
                return arrivals

    def marks(self, batch: Sequence[Arrival]) -> list[tuple[str, str, str, int]]:
        return []

    def done(self, batch: Sequence[Arrival]) -> None:
        self._receiver.done((a.topic, a.partition, a.offset) for a in batch)

    def notes(self) -> list[tuple[str, str, str, int]]:
        return []

    def noted(self, notes: Sequence[tuple[str, str, str, int]]) -> None:
        """There are none."""

    def rewind(self) -> None:
        self._receiver.rewind()

    async def lag(self) -> list[Lag]:
        found = await self._receiver.lag()
        return [Lag(topic, *behind) for topic, behind in sorted(found.items())]

    async def ask(self) -> None:
        await self._receiver.ask()

    async def close(self) -> None:
        await self._receiver.close()


class Watched(Deaf):
    """A subscriber of other processes, seen from here."""

    def __init__(self, group: Onlooker) -> None:
        self._group = group

    async def ask(self) -> None:
        await self._group.ask()

    async def lag(self) -> list[Lag]:
        return [Lag(topic, *behind) for topic, behind in sorted((await self._group.lag()).items())]


class KafkaBus(Bus):
    """`settings` are the Kafka client's own (security_protocol, sasl_..., ssl_...). `name` is that
    of the one process that may live under it; its members of groups replace those of the last."""

    def __init__(
        self,
        address: str,
        settings: Mapping[str, Any] | None = None,
        *,
        epoch: int = 1,
        name: str = "",
        wait_seconds: float = CONNECT_LIMIT_SECONDS,
    ) -> None:
        #: Part of the groups' names; to be known before the first of them is joined.
        self.epoch = epoch
        self._name = "" if "client_id" in (settings or {}) else name
        self._connection = Connection(address, settings, wait_seconds)
        self._sender = Sender(self._connection)
        self._subscriptions: list[KafkaSubscription] = []

    async def start(self, topics: Sequence[TopicSpec]) -> None:
        await self._connection.create_topics([topic(spec) for spec in topics])

    async def publish(self, lane: str, batch: Sequence[Envelope]) -> int:
        if not batch:
            return 0
        sent = await self._sender.send(
            [(e.topic, e.key.encode(), e.payload, e.headers()) for e in batch]
        )
        return batch[sent - 1].sequence if sent else batch[0].sequence - 1

    async def subscribe(
        self, subscriber: str, topics: Sequence[str], skip: Collection[str] = ()
    ) -> Subscription:
        receiver = Receiver(self._connection, f"{subscriber}.e{self.epoch}", self._name)
        await receiver.start(topics)
        self._subscriptions.append(KafkaSubscription(receiver, skip))
        return self._subscriptions[-1]

    async def tail(
        self, topic: str, *, last: int = 0, since_ms: int | None = None, limit: int = 100
    ) -> list[Envelope]:
        count = min(last or limit, limit)
        records = await reader.tail(self._connection, topic, last=count, since_ms=since_ms)
        return [e for e in (_arrival(record).envelope for record in records) if e]

    async def overhear(self, topics: Sequence[str]) -> AsyncIterator[list[Envelope]]:
        """Everything that is said from now on, whoever else hears it; without end."""
        listener = Listener(self._connection, topics)
        await listener.start()
        try:
            while True:
                heard = await listener.poll(OVERHEARD_MAX_MESSAGES)
                yield [e for e in (_arrival(record).envelope for record in heard) if e]
        finally:
            await listener.close()

    def watch(self, subscriber: str, topics: Sequence[str]) -> "Watched":
        """A consumer group whose members are elsewhere."""
        return Watched(Onlooker(self._connection, f"{subscriber}.e{self.epoch}", topics))

    async def close(self) -> None:
        await asyncio.gather(*(subscription.close() for subscription in self._subscriptions))
        await self._sender.close()


def topic(spec: TopicSpec) -> Topic:
    """A topic as Kafka is asked for it."""
    config = {
        "retention.ms": str(spec.retention_ms),
        "min.insync.replicas": str(spec.min_insync),
    }
    return Topic(spec.name, spec.partitions, spec.replication, config)


def _type_of(record: Any) -> bytes | None:
    """The message type of a record in binary mode."""
    for name, value in record.headers:
        if name == "ce_type":
            found: bytes | None = value
            return found
    return None


def _arrival(record: Any) -> Arrival:
    place = (record.topic, record.partition, record.offset)
    try:
        envelope = Envelope.of_record(record.topic, record.key, record.value, record.headers)
    except NotCloudEvent as error:
        headers = [(name, value or b"") for name, value in record.headers]
        return unread(*place, str(error), (record.key, record.value, headers))
    return Arrival(envelope, *place)
