"""Fills a broker that lost everything again, from the outboxes of a data folder."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from infra.settings import Settings
from streams.bus import Bus
from streams.envelope import Envelope
from streams.folder import hold
from streams.home import NoData, home_of
from streams.kafka_bus import KafkaBus
from streams.relay import SEND_MAX_MESSAGES
from streams.store import Store
from streams.system import all_there, topic_specs
from streams.topology import Topology


class RefillFailed(Exception):
    """The broker did not take everything; running it again is safe."""


@dataclass(frozen=True)
class Refilled:
    """What was published, and the epoch in which everybody hears it anew."""

    messages: int
    epoch: int


async def refill(settings: Settings, topology: Topology) -> Refilled:
    """Raise the epoch of every store, so that all groups begin at the earliest offset, then
    publish every kept message in lane order; the ledgers drop what is done.

    Raises AlreadyRunning, InUse, NoData, StoreLost or RefillFailed.
    """
    async with _stores(settings, topology) as stores:
        epoch = max(store.epoch for store in stores) + 1
        for store in stores:
            await store.raise_epoch(epoch)
        client, wait = dict(settings.kafka_client), settings.start_seconds
        bus = KafkaBus(settings.kafka, client, epoch=epoch, wait_seconds=wait)
        try:
            await bus.start(topic_specs(settings, topology))
            sent = 0
            for store in stores:
                for lane, _ in await store.lanes():
                    sent += await _publish(bus, store, lane)
        finally:
            await bus.close()
        return Refilled(sent, epoch)


@asynccontextmanager
async def _stores(settings: Settings, topology: Topology) -> AsyncIterator[list[Store]]:
    home = home_of(settings, topology.parts)
    lock = hold(settings.data)
    stores: list[Store] = []
    try:
        await home.hold(alone=True)
        if not home.there(topology.parts):
            raise NoData(home)
        all_there(home, topology)
        stores += [Store(part, home) for part in topology.parts.values()]
        for store in stores:
            await store.open()
        yield stores
    finally:
        for store in stores:
            await store.close()
        await home.release()
        lock.close()


async def _publish(bus: Bus, store: Store, lane: str) -> int:
    """Everything that one lane still has, in sequence."""
    sent, after = 0, 0
    while records := await store.page(lane, after, SEND_MAX_MESSAGES):
        batch = [Envelope.of_row(record.values) for record in records]
        after = await bus.publish(lane, batch)
        if after < batch[-1].sequence:
            raise RefillFailed(
                f"Kafka took {lane} up to {after} and no further; when it is well, run it again"
            )
        sent += len(batch)
    return sent
