"""Who hears without belonging to a group, and who looks how far a group is."""

import asyncio
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from infra.bus.errors import BusError
from infra.bus.kafka.connection import Connection
from infra.bus.kafka.reader import first_timestamps
from infra.observe import observe

#: A poll asks again after this; a record ends the wait at once.
POLL_WAIT_MS = 60_000
#: Between two polls of a broker that is in trouble.
RETRY_SECONDS = 0.5


class Listener:
    """Everything that is said on its topics from now on."""

    def __init__(self, connection: Connection, topics: Sequence[str]) -> None:
        self._topics = topics
        self._consumer = connection.consumer(auto_offset_reset="latest")

    async def start(self) -> None:
        """Begin; raises KafkaError."""
        self._consumer.subscribe(list(self._topics))
        try:
            await self._consumer.start()
        except BaseException:
            await self._consumer.stop()
            raise

    async def poll(self, max_records: int) -> list[Any]:
        """The next records, at least one."""
        while True:
            try:
                found = await self._consumer.getmany(
                    timeout_ms=POLL_WAIT_MS, max_records=max_records
                )
            except KafkaError as error:
                observe("bus.trouble", error=repr(error))
                await asyncio.sleep(RETRY_SECONDS)
                continue
            if records := [record for some in found.values() for record in some]:
                return records

    async def close(self) -> None:
        with suppress(KafkaError):
            await self._consumer.stop()


class Onlooker:
    """How far a group is behind, asked of the brokers; its members are in other processes."""

    def __init__(self, connection: Connection, group: str, topics: Sequence[str]) -> None:
        self._connection = connection
        self._group = group
        self._topics = topics

    async def ask(self) -> None:
        """Return once the brokers say that the group has a member; raises BusError."""
        if not await self._connection.members(self._group):
            raise BusError(f"no process hears as {self._group}")

    async def lag(self) -> dict[str, tuple[int, float]]:
        """Per topic: messages not done, seconds since the oldest."""
        committed = await self._connection.committed(self._group)
        async with self._connection.reader() as consumer:
            numbers = {t: await consumer._client._wait_on_metadata(t) for t in self._topics}
            places = [TopicPartition(t, n) for t, found in numbers.items() for n in found]
            begin, end = (
                await consumer.beginning_offsets(places),
                await consumer.end_offsets(places),
            )
        at = {p: max(committed.get(p, 0), begin[p]) for p in places}
        waiting = {p: at[p] for p in places if at[p] < end[p]}
        times, now = await first_timestamps(self._connection, waiting), time.time()
        lag: dict[str, tuple[int, float]] = dict.fromkeys(self._topics, (0, 0.0))
        for place, first in waiting.items():
            messages, seconds = lag[place.topic]
            age = max(0.0, now - times[place] / 1000) if place in times else 0.0
            lag[place.topic] = (messages + end[place] - first, max(seconds, age))
        return lag
