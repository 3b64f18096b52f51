"""What the bus's suite needs of a binding, and the messages it sends."""

import asyncio
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from typing import Protocol

from streams.bus import Arrival, Bus, Subscription
from streams.envelope import Envelope

LANE = "order-a"
PARTITIONS = 3
DAY_MS = 86_400_000
#: Nothing here takes longer than a second, unless a message is lost.
PATIENCE_SECONDS = 30
PAGE = 100
MEBIBYTE = 1 << 20


class Binding(Protocol):
    """One way to carry messages; `open` again is a restart on the same data."""

    topic: str

    def open(self) -> AbstractAsyncContextManager[Bus]:
        """A started bus, closed at the end."""

    async def commit(self, lane: str, batch: Sequence[Envelope]) -> None:
        """Make these rows of the publisher's outbox; a bus carries committed envelopes only."""

    async def handle(self, subscription: Subscription, batch: Sequence[Arrival]) -> None:
        """Commit a transaction that handles the batch, with its marks; then call it done."""


def messages(topic: str, first: int, last: int, *, lane: str = LANE) -> list[Envelope]:
    """Messages with these sequences; every third has the same key."""
    return [
        Envelope(
            id=f"{lane}-{number}", source=f"/odori/order/{lane}", type="odori.order.orderplaced.v1",
            topic=topic, key=f"order-{number % 3}", payload=b'{"number":%d}' % number,
            saga=f"order-{number % 3}", subject=f"order-{number % 3}", cause="a-command",
            time=datetime.now(UTC).isoformat(), sequence=number,
            traceparent="00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            origin="00-4bf92f3577b34da6a3ce929d0e0e4736-53995c3f42cd8ad8-01",
        )
        for number in range(first, last + 1)
    ]  # fmt: skip


async def publish(
    binding: Binding, bus: Bus, first: int, last: int, *, lane: str = LANE
) -> list[Envelope]:
    """Commit these messages and send them."""
    batch = messages(binding.topic, first, last, lane=lane)
    await binding.commit(lane, batch)
    assert await bus.publish(lane, batch) == last
    return batch


async def hear(subscription: Subscription, count: int) -> list[Arrival]:
    """Poll until so many have arrived."""
    heard: list[Arrival] = []
    async with asyncio.timeout(PATIENCE_SECONDS):
        while len(heard) < count:
            heard += await subscription.poll(count - len(heard), MEBIBYTE)
    return heard


def ids(arrivals: Sequence[Arrival]) -> list[str]:
    """The ids, in order of lane and sequence whatever partition they came by."""
    return [e.id for e in sorted(envelopes(arrivals), key=lambda e: (e.source, e.sequence))]


def envelopes(arrivals: Sequence[Arrival]) -> list[Envelope]:
    return [a.envelope for a in arrivals if a.envelope is not None]
