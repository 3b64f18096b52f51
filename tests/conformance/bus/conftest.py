"""The bindings that the bus's suite runs against; a new one is one more class."""

import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from streams.bus import Arrival, Bus, Subscription, TopicSpec
from streams.envelope import Envelope
from streams.kafka_bus import KafkaBus
from tests.conformance.bus.cases import DAY_MS, PARTITIONS


class KafkaBinding:
    """Every `open` connects once more, as a restarted process would."""

    def __init__(self, request: pytest.FixtureRequest) -> None:
        self._address = request.getfixturevalue("kafka")
        self.topic = f"order.events-{uuid.uuid4().hex}"

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Bus]:
        bus = KafkaBus(self._address)
        await bus.start([TopicSpec(self.topic, PARTITIONS, 1, DAY_MS)])
        yield bus
        await bus.close()

    async def commit(self, lane: str, batch: Sequence[Envelope]) -> None:
        """Nothing reads the outbox here."""

    async def handle(self, subscription: Subscription, batch: Sequence[Arrival]) -> None:
        assert subscription.marks(batch) == []
        subscription.done(batch)


@pytest.fixture(params=[pytest.param(KafkaBinding, marks=pytest.mark.service)])
def binding(request: pytest.FixtureRequest) -> Any:
    return request.param(request)
