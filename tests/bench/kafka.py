"""The Kafka binding beside raw aiokafka: rate, processor time per message, round trips.

python -m tests.bench.kafka [--address HOST:PORT]
"""

import argparse
import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import uvloop
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from streams.bus import TopicSpec
from streams.envelope import Envelope
from streams.kafka_bus import KafkaBus
from tests.services.kafka import lacking, running

MESSAGES = {1: 1_000, 10: 5_000, 500: 20_000}
PAYLOAD_BYTES = 1_000
PARTITIONS = 4
PING_RATE = 600
PING_SECONDS = 5
IDLE_SECONDS = 5


def envelope(topic: str, number: int) -> Envelope:
    """A message of a usual size; five of them share a key."""
    return Envelope(
        id=f"id-{number}", source="/odori/order/order-1", type="odori.order.orderplaced.v1",
        topic=topic, key=f"order-{number // 5:032d}", payload=b"x" * PAYLOAD_BYTES,
        saga=f"order-{number // 5:032d}", subject=f"order-{number // 5:032d}", sequence=number,
        time="2026-01-01T00:00:00Z", cause="a-cause", traceparent="00-1-2-01", origin="00-1-2-01",
    )  # fmt: skip


async def timed(name: str, count: int, work: Awaitable[Any]) -> None:
    wall, cpu = time.perf_counter(), time.process_time()
    await work
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    print(f"{name:<34} {count / wall:>9,.0f} msg/s {cpu / count * 1e6:>7.1f} us CPU/msg")


async def publish(bus: KafkaBus, topic: str, batch: int, count: int) -> None:
    for first in range(1, count + 1, batch):
        await bus.publish("order-1", [envelope(topic, first + n) for n in range(batch)])


async def consume(bus: KafkaBus, topic: str, batch: int, count: int) -> None:
    subscription, got = await bus.subscribe(f"bench-{uuid.uuid4().hex}", [topic]), 0
    while got < count:
        arrivals = await subscription.poll(batch, 1 << 20)
        subscription.done(arrivals)
        got += len(arrivals)
    await subscription.close()


async def floor_send(producer: Any, topic: str, batch: int, count: int) -> None:
    for first in range(1, count + 1, batch):
        sent = []
        for n in range(first, first + batch):
            e = envelope(topic, n)
            sent.append(await producer.send(topic, e.payload, e.key.encode(), headers=e.headers()))
        await asyncio.gather(*sent)


async def floor_getmany(address: str, topic: str, batch: int, count: int) -> None:
    consumer = AIOKafkaConsumer(
        topic, bootstrap_servers=address, auto_offset_reset="earliest",
        group_id=f"floor-{uuid.uuid4().hex}", enable_auto_commit=False,
    )  # fmt: skip
    await consumer.start()
    got = 0
    while got < count:
        found = await consumer.getmany(timeout_ms=1000, max_records=batch)
        got += sum(map(len, found.values()))
    await consumer.stop()


Send = Callable[[list[int]], Awaitable[Any]]
Poll = Callable[[], Awaitable[list[int]]]


async def round_trips(name: str, send: Send, poll: Poll) -> None:
    """Messages at a steady rate, sent as a relay does (all that wait, then the next ones); how
    long until each is in a subscriber's hands."""
    loop, count = asyncio.get_running_loop(), PING_RATE * PING_SECONDS
    await send([0])  # the topic's leader is known from here on
    await poll()
    due: asyncio.Queue[int] = asyncio.Queue()
    start, cpu, times = loop.time() + 0.1, time.process_time(), list[float]()
    for number in range(count):
        loop.call_at(start + number / PING_RATE, due.put_nowait, number)

    async def relay() -> None:
        while True:
            await send([await due.get(), *(due.get_nowait() for _ in range(due.qsize()))])

    relaying = asyncio.create_task(relay())
    while len(times) < count:
        times += [loop.time() - start - number / PING_RATE for number in await poll()]
    cpu = (time.process_time() - cpu) / count
    relaying.cancel()
    times.sort()
    p50, p99 = times[count // 2] * 1000, times[count * 99 // 100] * 1000
    print(f"{name:<34} p50 {p50:.1f} ms  p99 {p99:.1f} ms  {cpu * 1e6:>6.0f} us CPU/msg")


async def our_round_trips(bus: KafkaBus, topic: str) -> None:
    subscription = await bus.subscribe(f"ping-{uuid.uuid4().hex}", [topic])

    async def send(numbers: list[int]) -> None:
        await bus.publish("order-1", [envelope(topic, n) for n in numbers])

    async def poll() -> list[int]:
        arrivals = await subscription.poll(500, 1 << 20)
        subscription.done(arrivals)
        return [a.envelope.sequence for a in arrivals if a.envelope]

    await round_trips(f"ours, {PING_RATE} msg/s", send, poll)
    with suppress(TimeoutError):
        cpu = time.process_time()
        await asyncio.wait_for(subscription.poll(1, 1), IDLE_SECONDS)
    print(f"{'idle subscriber':<34} {(time.process_time() - cpu) / IDLE_SECONDS:.2%} of a core")
    await subscription.close()


async def floor_round_trips(address: str, producer: Any, topic: str) -> None:
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=address, auto_offset_reset="latest")
    await consumer.start()
    await consumer.seek_to_end()

    async def send(numbers: list[int]) -> None:
        sent = [await producer.send(topic, b"x" * PAYLOAD_BYTES, b"%d" % n) for n in numbers]
        await asyncio.gather(*sent)

    async def poll() -> list[int]:
        found = await consumer.getmany(timeout_ms=1000)
        return [int(r.key) for records in found.values() for r in records]

    await round_trips(f"raw aiokafka, {PING_RATE} msg/s", send, poll)
    await consumer.stop()


async def main(address: str) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=address, acks="all", enable_idempotence=True)
    await producer.start()
    bus, run = KafkaBus(address), uuid.uuid4().hex[:6]
    topics = {batch: f"bench-{run}-{batch}" for batch in (*MESSAGES, "floor", "ping", "raw-ping")}
    await bus.start([TopicSpec(name, PARTITIONS, 1, 3_600_000) for name in topics.values()])
    for batch, count in MESSAGES.items():
        name, topic = f"by {batch}", topics[batch]
        await timed(f"publish {name}", count, publish(bus, topic, batch, count))
        floor = floor_send(producer, topics["floor"], batch, count)
        await timed(f"  raw send {name}", count, floor)
        await timed(f"consume {name}", count, consume(bus, topic, batch, count))
        floor = floor_getmany(address, topic, batch, count)
        await timed(f"  raw getmany {name}", count, floor)
    await our_round_trips(bus, topics["ping"])
    await floor_round_trips(address, producer, topics["raw-ping"])
    await bus.close()
    await producer.stop()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--address", help="a running Kafka; otherwise one is started")
    asked = parser.parse_args()
    if asked.address:
        uvloop.run(main(asked.address))
    elif reason := lacking():
        raise SystemExit(reason)
    else:
        with running() as server:
            uvloop.run(main(server.address))
