"""The bindings that the bus's suite runs against; a new one is one more class."""

import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from domains.row import Row
from streams.bus import Arrival, Bus, Subscription, TopicSpec
from streams.embedded import EmbeddedBus
from streams.envelope import Envelope
from streams.home import Files
from streams.kafka_bus import KafkaBus
from streams.rows import LaneRow, Position
from streams.store import Store
from streams.topology import discover
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


class EmbeddedBinding:
    """Every `open` opens the same files."""

    topic = "order.events"

    def __init__(self, request: pytest.FixtureRequest) -> None:
        self._folder: Path = request.getfixturevalue("tmp_path")
        self._stores: dict[str, Store] = {}

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Bus]:
        for name, part in discover().parts.items():
            self._stores[name] = Store(part, Files(self._folder))
            await self._stores[name].open()
        bus = EmbeddedBus(self._stores)
        yield bus
        await bus.close()
        for store in self._stores.values():
            await store.close()

    async def commit(self, lane: str, batch: Sequence[Envelope]) -> None:
        row = LaneRow(
            lane=lane, owner="me", state="open", next=batch[-1].sequence + 1, published=0, beat=0
        )
        outbox = self._stores["order"].part.outbox
        await self._write("order", [row], {outbox: [e.row(lane) for e in batch]})

    async def handle(self, subscription: Subscription, batch: Sequence[Arrival]) -> None:
        marks = subscription.marks(batch)
        rows = [
            Position(subscriber=subscriber, publisher=publisher, lane=lane, sequence=sequence)
            for subscriber, publisher, lane, sequence in marks
        ]
        await self._write(marks[0][0], rows, {})
        subscription.done(batch)

    async def _write(self, name: str, rows: Sequence[Row], more: Any) -> None:
        store = self._stores[name]
        tx = store.engine.begin()
        for row in rows:
            codec = store.codec(type(row))
            await tx.fetch({codec.table: [codec.encode(row)[: codec.key_width]]})
            tx.put(codec.table, codec.encode(row))
        for table, values in more.items():
            for value in values:
                tx.insert(table, value)
        await tx.commit()


@pytest.fixture(
    params=[EmbeddedBinding, pytest.param(KafkaBinding, marks=pytest.mark.service)],
    ids=["embedded", "kafka"],
)
def binding(request: pytest.FixtureRequest) -> Any:
    return request.param(request)
