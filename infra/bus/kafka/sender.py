"""Sends records in order per partition, in batches, and says how far it got without a gap."""

import asyncio
import time
from collections.abc import Sequence
from contextlib import suppress
from functools import lru_cache
from typing import Any

from aiokafka.errors import KafkaError
from aiokafka.partitioner import murmur2

from infra.bus.kafka.connection import Connection
from infra.observe import observe

#: topic, key, value, headers
Outgoing = tuple[str, bytes | None, bytes | None, list[tuple[str, bytes]]]

#: One saga's key is sent several times within seconds, and hashing it costs 15 microseconds.
KEY_CACHE_ENTRIES = 16_384
#: A producer that cannot flush (the broker is gone) is abandoned after this; its records are still
#: in their outbox.
STOP_LIMIT_SECONDS = 2.0
#: A batch that nobody acknowledged for so long (the broker is gone) is given up, and sent again by
#: whoever asked: nothing waits for ever, not even a process that wants to stop.
SEND_LIMIT_SECONDS = 10.0


@lru_cache(KEY_CACHE_ENTRIES)
def key_hash(key: bytes) -> int:
    """The hash by which Kafka's Java client chooses a partition."""
    return int(murmur2(key)) & 0x7FFFFFFF


class Sender:
    """One idempotent producer; a new one takes its place after a failure, because the sequence
    numbers of the failed batch are lost to the old one."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._producer: Any = None
        self._starting = asyncio.Lock()
        self._retiring: set[asyncio.Task[None]] = set()
        self._closed = False
        self._failing = False

    async def send(self, records: Sequence[Outgoing]) -> int:
        """How many of the records, from the first on, are acknowledged."""
        try:
            producer = await self._started()
            places = await self._places(producer, records)
        except (KafkaError, OSError) as error:
            observe("bus.trouble", error=repr(error))
            self._failing = True
            return 0
        lines = [
            self._send_line(producer, topic, partition, records, line)
            for (topic, partition), line in places.items()
        ]
        reached = min(await asyncio.gather(*lines)) if len(lines) != 1 else await lines[0]
        failed = reached < len(records)
        if self._failing and not failed:
            observe("bus.answers_again", address=self._connection.address)
        self._failing = failed
        if failed and self._producer is producer:
            self._producer = None
            self._retire(producer)
        return reached

    async def _places(
        self, producer: Any, records: Sequence[Outgoing]
    ) -> dict[tuple[str, int], list[int]]:
        """Which records go where, by their index."""
        counts: dict[str, int] = {}
        places: dict[tuple[str, int], list[int]] = {}
        for index, (topic, key, _, _) in enumerate(records):
            count = counts.get(topic)
            if count is None:
                count = counts[topic] = len(await producer.partitions_for(topic))
            place = (topic, key_hash(key or b"") % count)
            places.setdefault(place, []).append(index)
        return places

    async def _send_line(
        self,
        producer: Any,
        topic: str,
        partition: int,
        records: Sequence[Outgoing],
        line: list[int],
    ) -> int:
        """The index of the first record of this line that is not acknowledged, or of the end.
        One batch after the other: a batch must not overtake one that failed."""
        now_ms = int(time.time() * 1000)
        place = 0
        while place < len(line):
            first = line[place]
            batch = producer.create_batch()
            while place < len(line):
                _, key, value, headers = records[line[place]]
                if not batch.append(timestamp=now_ms, key=key, value=value, headers=headers):
                    break
                place += 1
            try:
                async with asyncio.timeout(SEND_LIMIT_SECONDS):
                    await (await producer.send_batch(batch, topic, partition=partition))
            except (KafkaError, TimeoutError) as error:
                observe("bus.trouble", topic=topic, partition=partition, error=repr(error))
                return first
        return len(records)

    async def _started(self) -> Any:
        async with self._starting:
            if self._closed:
                raise KafkaError("closed")
            if self._producer is None:
                producer = self._connection.producer()
                try:
                    await producer.start()
                except BaseException:
                    await producer.stop()
                    raise
                self._producer = producer
            return self._producer

    def _retire(self, producer: Any) -> None:
        task = asyncio.create_task(stop_producer(producer))
        self._retiring.add(task)
        task.add_done_callback(self._retiring.discard)

    async def close(self) -> None:
        """Wait for what is on its way, within a limit."""
        self._closed = True
        if self._producer is not None:
            self._retire(self._producer)
            self._producer = None
        await asyncio.gather(*self._retiring)


async def stop_producer(producer: Any) -> None:
    """Flush and close; past the limit, close without."""
    try:
        await asyncio.wait_for(producer.stop(), STOP_LIMIT_SECONDS)
    except TimeoutError:
        # aiokafka has no public way to stop without a flush, which never ends without a broker
        with suppress(KafkaError):
            await producer._sender.close()
            await producer.client.close()
