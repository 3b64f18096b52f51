"""Plain records sent and heard, for tests that look below the envelopes."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from infra.bus.kafka.connection import Connection, Topic
from infra.bus.kafka.receiver import Receiver
from infra.bus.kafka.sender import Outgoing, Sender
from tests.kafka.member import SESSION

#: Longer than a broker's restart on a busy machine.
PATIENCE_SECONDS = 60
POLL_RECORDS = 100
POLL_BYTES = 1 << 20


async def new_topic(address: str, partitions: int = 2) -> str:
    """A topic nobody else uses."""
    name = f"test-{uuid.uuid4().hex}"
    await Connection(address).create_topics([Topic(name, partitions, 1, {})])
    return name


def record(topic: str, number: int) -> Outgoing:
    """One of five keys, and the number as its value."""
    return (topic, b"key-%d" % (number % 5), b"%d" % number, [])


async def send(address: str, topic: str, first: int, last: int) -> None:
    sender = Sender(Connection(address))
    records = [record(topic, number) for number in range(first, last + 1)]
    assert await sender.send(records) == len(records)
    await sender.close()


@asynccontextmanager
async def receiving(address: str, group: str, *topics: str) -> AsyncIterator[Receiver]:
    """A member of a group with a short session."""
    receiver = Receiver(Connection(address), group, **SESSION)
    await receiver.start(topics)
    try:
        yield receiver
    finally:
        await receiver.close()


async def hear(receiver: Receiver, last: int, *, first: int = 1, done: bool = True) -> list[int]:
    """Poll until all numbers up to `last` were heard; returns the numbers as they came."""
    heard: list[int] = []
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not set(range(first, last + 1)) <= set(heard):
            records = await receiver.poll(POLL_RECORDS, POLL_BYTES)
            heard += numbers(records)
            if done:
                receiver.done(places(records))
    return heard


def numbers(records: list[Any]) -> list[int]:
    return [int(r.value) for r in records]


def places(records: list[Any]) -> list[tuple[str, int, int]]:
    return [(r.topic, r.partition, r.offset) for r in records]
