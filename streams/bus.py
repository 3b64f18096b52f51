"""The bus as streams sees it: a port with an embedded and a Kafka binding, and one suite."""

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from streams.envelope import Envelope, Headers


@dataclass(slots=True)
class Arrival:
    """One record as a subscriber got it. `envelope` is None when it could not be read."""

    envelope: Envelope | None
    topic: str
    partition: int
    offset: int
    error: str = ""
    raw_key: bytes | None = None
    raw_value: bytes | None = None
    raw_headers: Headers = field(default_factory=list)


@dataclass(frozen=True)
class TopicSpec:
    """One topic as the system wants it to be."""

    name: str
    partitions: int
    replication: int
    retention_ms: int
    min_insync: int = 1


@dataclass(frozen=True)
class Lag:
    """How far one subscriber is behind on one topic: messages, and seconds since the oldest."""

    topic: str
    messages: int
    seconds: float


class Subscription(Protocol):
    """One subscriber's place on its topics."""

    async def poll(self, max_messages: int, max_bytes: int) -> list[Arrival]:
        """What has arrived, in order per lane or partition; waits until there is at least one.

        Returned arrivals are not returned again, unless `rewind` or a rebalance asks for them.
        Cancelling a waiting poll loses nothing.
        """

    def marks(self, batch: Sequence[Arrival]) -> list[tuple[str, str, str, int]]:
        """Positions (subscriber, publisher, lane, sequence) to write in the transaction that
        handles this batch; empty where the broker keeps them."""

    def done(self, batch: Sequence[Arrival]) -> None:
        """The transaction of this batch is committed; offsets may now be committed, lazily."""

    def notes(self) -> list[tuple[str, str, str, int]]:
        """Positions that moved since what was `noted`, in the form of `marks`, for a worker that
        writes them now and then: they may lag, and the ledger sees to the rest."""

    def noted(self, notes: Sequence[tuple[str, str, str, int]]) -> None:
        """These notes are committed; until then `notes` repeats them, if a store was in trouble."""

    def rewind(self) -> None:
        """Deliver again everything that is not done."""

    async def lag(self) -> list[Lag]:
        """How far behind, per topic."""

    async def ask(self) -> None:
        """Return once the bus answers; wait or raise as long as it does not."""

    async def close(self) -> None:
        """Leave; what is done is committed first."""


class Deaf(Subscription):
    """Of a worker that hears nothing, and so owes the bus nothing."""

    async def poll(self, max_messages: int, max_bytes: int) -> list[Arrival]:
        await asyncio.Event().wait()
        return []

    def marks(self, batch: Sequence[Arrival]) -> list[tuple[str, str, str, int]]:
        return []

    def done(self, batch: Sequence[Arrival]) -> None:
        """There was none."""

    def notes(self) -> list[tuple[str, str, str, int]]:
        return []

    def noted(self, notes: Sequence[tuple[str, str, str, int]]) -> None:
        """There are none."""

    def rewind(self) -> None:
        """There is nothing to deliver."""

    async def lag(self) -> list[Lag]:
        return []

    async def ask(self) -> None:
        """What it does needs no bus: what it announces waits in the outbox."""

    async def close(self) -> None:
        """It never joined."""


class Bus(Protocol):
    """Carries envelopes from a lane to whoever subscribes; at least once, in order per lane."""

    async def start(self, topics: Sequence[TopicSpec]) -> None:
        """Connect, and create the topics that are missing."""

    async def publish(self, lane: str, batch: Sequence[Envelope]) -> int:
        """Send committed envelopes of one lane, in sequence; returns the highest sequence below
        which all are acknowledged (equal to the last one when all are). Never raises for a
        refused or failed send: the return value says how far it got."""

    async def subscribe(
        self, subscriber: str, topics: Sequence[str], skip: Collection[str] = ()
    ) -> Subscription:
        """Join as a consumer group, from its earliest unheard message. A subscriber is a domain,
        or `<domain>.<name>` for something else that keeps its positions in that domain's store;
        it may leave out the message types in `skip`."""

    async def tail(
        self, topic: str, *, last: int = 0, since_ms: int | None = None, limit: int = 100
    ) -> list[Envelope]:
        """Messages for people: the last n, or those since a time; never moves a position."""

    async def close(self) -> None:
        """Stop sending and receiving."""


def unread(topic: str, partition: int, offset: int, error: str, raw: Any) -> Arrival:
    """An arrival that could not be read as a CloudEvent; `raw` is (key, value, headers)."""
    key, value, headers = raw
    return Arrival(None, topic, partition, offset, error, key, value, headers)
