"""The whole choreography on a real Kafka and a real PostgreSQL, beside what the database could do:
`make bench-real`, or `python -m tests.bench.real`.

Orders are commands on Kafka; every worker process is an `odori work` of all four domains. The same
cores carry Kafka, PostgreSQL, the workers and who measures them. docs/performance.md tells more.
"""

import argparse
import asyncio
import logging
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from random import Random
from statistics import median

import asyncpg

from infra.settings import Settings
from streams.envelope import Envelope
from streams.kafka_bus import KafkaBus
from streams.topology import discover
from tests.bench.driver import LAST, driving, pause
from tests.bench.engines import __main__ as engines
from tests.bench.engines import pgbench
from tests.bench.engines.server import cpu_s
from tests.bench.figures import Figure, loop_ms, machine, percentile, tables
from tests.bench.load import delivery, orders
from tests.e2e.process import Odori, ended, spawn
from tests.interop import java
from tests.services import kafka, postgres

DOMAINS = ("order", "inventory", "payment", "shipping")
WORKERS = (1, 2, 4)
#: As many as the most worker processes need, and more than one each for the others.
PARTITIONS = 8
#: Commands of the backlog published at a time.
PUBLISHED_AT_ONCE = 1_000
#: Orders danced before each measurement: then groups are joined, statements prepared, and what the
#: broker's JVM runs hot is compiled.
WARM_ORDERS = 4_000
#: Between two looks whether the orders have ended.
LOOK_S = 0.1
#: How long orders may take to end.
PATIENCE_S = 120
#: A rate is offered for so long before it is measured.
SETTLE_S = 10.0
RATE = 100.0
CLIENTS = 32
JAVA_CLIENTS = (8, 32)
SECTION, LATENCY = "orders on Kafka and PostgreSQL", "latency, one worker"
PARTS = ("ours", "postgres", "kafka")
NAMES = {"ours": "the workers", "postgres": "PostgreSQL", "kafka": "Kafka"}
TOPICS = tuple(discover().topics)
#: The last thing that happens to an order, or one of the last: its stock has left, or is back.
_ENDED = """SELECT count(*) FROM inventory.reservation WHERE status IN ('COMMITTED', 'RELEASED')"""


@dataclass
class Spent:
    """A moment: orders that have ended, and processor seconds of each part so far."""

    at: float
    ended: int
    ours: float
    postgres: float
    kafka: float


class Real:
    """A Kafka, a PostgreSQL with shelves and wallets, and workers on them."""

    def __init__(self, bus: kafka.Kafka, store: postgres.Postgres, data: Path) -> None:
        self.bus, self.store, self.data = bus, store, data
        self.workers: list[Odori] = []
        self._orders = orders()
        self._number = 0
        self.settings = Settings(
            data=data, kafka=bus.address, store=store.url, partitions=PARTITIONS
        )

    @asynccontextmanager
    async def worker(self) -> AsyncIterator[Odori]:
        """One more process of all four domains."""
        environ = {
            "ODORI_KAFKA": self.bus.address, "ODORI_STORE": self.store.url,
            "ODORI_PARTITIONS": str(PARTITIONS),
        }  # fmt: skip
        process = await spawn("work", *DOMAINS, "--data", self.data, environ=environ)
        async with ended(process):
            worker = Odori(process, self.data)
            await worker._begin()
            self.workers.append(worker)
            try:
                yield worker
            finally:
                self.workers.remove(worker)
                process.kill()
                await worker.close()

    def commands(self, count: int) -> list[Envelope]:
        """The next orders, as they are said on Kafka."""
        found = []
        for order in islice(self._orders, count):
            self._number += 1
            envelope = delivery(order).envelope
            assert envelope
            envelope.sequence = self._number
            found.append(envelope)
        return found

    async def spent(self, connection: asyncpg.Connection) -> Spent:
        assert self.store.process
        assert self.bus.process
        ours = sum(cpu_s(worker.process.pid) for worker in self.workers)
        counted = await connection.fetchval(_ENDED)
        return Spent(
            time.monotonic(), counted, ours, cpu_s(self.store.process.pid),
            cpu_s(self.bus.process.pid),
        )  # fmt: skip


@contextmanager
def served() -> Iterator[Real]:
    """Both servers, writing through to the disk, with what an order needs."""
    with (
        kafka.running() as bus,
        postgres.running() as store,
        tempfile.TemporaryDirectory(prefix="odori-bench-") as folder,
    ):
        real = Real(bus, store, Path(folder))

        async def prepare() -> None:
            async with driving(real.settings):
                pass

        asyncio.run(prepare())
        yield real


async def danced(real: Real, bus: KafkaBus, connection: asyncpg.Connection, count: int) -> Spent:
    """So many more orders, all at once, to their end."""
    wanted = await connection.fetchval(_ENDED) + count
    for _ in range(count // PUBLISHED_AT_ONCE):
        await bus.publish("bench", real.commands(PUBLISHED_AT_ONCE))
    end = time.monotonic() + PATIENCE_S
    while (spent := await real.spent(connection)).ended < wanted:
        if time.monotonic() > end:
            raise SystemExit(f"{wanted - spent.ended} orders have not ended in {PATIENCE_S} s")
        await pause(LOOK_S)
    return spent


async def all_out(real: Real, workers: int, count: int) -> tuple[Spent, Spent]:
    """So many workers; a moment, and when all orders published since then have ended."""
    bus = KafkaBus(real.bus.address)
    connection = await asyncpg.connect(real.store.url)
    async with AsyncExitStack() as stack:
        await asyncio.gather(*(stack.enter_async_context(real.worker()) for _ in range(workers)))
        before = await danced(real, bus, connection, WARM_ORDERS)
        after = await danced(real, bus, connection, count)
    await connection.close()
    await bus.close()
    return before, after


class Ear:
    """Hears on Kafka when orders end."""

    def __init__(self) -> None:
        self._last = {message.spec.wire: count for message, count in LAST.items()}
        self._missing: dict[str, int] = {}
        self.due: dict[str, float] = {}
        self.times: list[float] = []

    async def hear(self, bus: KafkaBus) -> None:
        async for batch in bus.overhear(TOPICS):
            now = time.perf_counter()
            for envelope in batch:
                wanted = self._last.get(envelope.type)
                if wanted is None:
                    continue
                left = self._missing.pop(envelope.saga, wanted) - 1
                if left:
                    self._missing[envelope.saga] = left
                elif (due := self.due.pop(envelope.saga, None)) is not None:
                    self.times.append(now - due)


async def at_rate(real: Real, rate: float, seconds: float) -> list[float]:
    """Seconds from each order's due moment to its last event heard on Kafka; open loop."""
    bus, ear, random = KafkaBus(real.bus.address), Ear(), Random(2)
    loop, waiting = asyncio.get_running_loop(), asyncio.Queue[tuple[float, Envelope]]()

    async def publish() -> None:
        while True:
            found = [await waiting.get()]
            found += [waiting.get_nowait() for _ in range(waiting.qsize())]
            await bus.publish("bench", [envelope for _, envelope in found])

    async with real.worker():
        connection = await asyncpg.connect(real.store.url)
        await danced(real, bus, connection, WARM_ORDERS)
        await connection.close()
        tasks = [asyncio.create_task(work) for work in (ear.hear(bus), publish())]
        start, at = loop.time(), 0.0
        while (at := at + random.expovariate(rate)) < SETTLE_S + seconds:
            await pause(start + at - loop.time())
            [envelope] = real.commands(1)
            if at > SETTLE_S:
                ear.due[envelope.saga] = time.perf_counter() - (loop.time() - start - at)
            waiting.put_nowait((at, envelope))
        end = loop.time() + PATIENCE_S
        while ear.due and loop.time() < end:
            await pause(0.1)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    await bus.close()
    if ear.due:
        raise SystemExit(f"{len(ear.due)} orders at {rate:.0f}/s have not ended")
    return ear.times


def rates(asked: argparse.Namespace) -> list[Figure]:
    """Orders a second to their end, and what they cost, round by round with each count."""
    found: dict[int, list[list[float]]] = {count: [] for count in WORKERS}
    for _ in range(asked.rounds):
        for count in WORKERS:
            with served() as real:
                before, after = asyncio.run(all_out(real, count, asked.orders))
            ended, wall = after.ended - before.ended, after.at - before.at
            costs = (getattr(after, part) - getattr(before, part) for part in PARTS)
            found[count].append([ended / wall, *(cost / ended * 1e6 for cost in costs)])
    figures = []
    for count, rounds in found.items():
        column = f"{count} worker{'s' if count > 1 else ''}"
        middle = sorted(rounds)[len(rounds) // 2]
        figures.append(Figure(SECTION, "orders to their end", column, middle[0], "1/s"))
        ratio = median(a[0] / b[0] for a, b in zip(rounds, found[1], strict=True))
        figures.append(Figure(SECTION, "of one worker's", column, ratio, ""))
        for part, cost in zip(PARTS, middle[1:], strict=True):
            figures.append(Figure(SECTION, f"CPU of {NAMES[part]}", column, cost, "us/order"))
    return figures


def latencies(asked: argparse.Namespace, most: float) -> list[Figure]:
    """How long an order takes at a small rate, and at half the most."""
    figures = []
    for name, rate in (("at 100/s", RATE), ("at half the most", most / 2)):
        with served() as real:
            times = asyncio.run(at_rate(real, rate, asked.latency_seconds))
        figures.append(Figure(LATENCY, "offered", name, rate, "1/s"))
        for percent in (50, 99):
            value = percentile(times, percent) * 1_000
            figures.append(Figure(LATENCY, f"command to last event p{percent}", name, value, "ms"))
    return figures


def floors(asked: argparse.Namespace) -> list[Figure]:
    """One plain transaction for each order, by pgbench and by Java's ScalarDB with its defaults."""
    if reason := java.lacking():
        print(f"floors: skipped: {reason}", flush=True)
        return []
    figures = []
    timing = argparse.Namespace(seconds=int(asked.seconds), warmup=6, rounds=1)
    with engines.opened(timing) as (bench, place):
        engines.prepare(bench, "usual", place.properties)
        plain = pgbench.order(bench.postgres, CLIENTS, int(asked.seconds))["per_second"]
        figures.append(Figure(SECTION, "orders to their end", "pgbench", plain, "1/s"))
        theirs = max(
            bench.theirs("usual", "order", clients)["per_second"] for clients in JAVA_CLIENTS
        )
        figures.append(Figure(SECTION, "orders to their end", "Java ScalarDB", theirs, "1/s"))
    return figures


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.real", description=__doc__)
    parser.add_argument("--orders", type=int, default=12_000, help="of each measured rate")
    parser.add_argument("--seconds", type=float, default=10, help="of each floor")
    parser.add_argument("--latency-seconds", type=float, default=20, help="of each rate")
    parser.add_argument("--rounds", type=int, default=3, help="one, two and four workers in turn")
    return parser.parse_args()


def main() -> None:
    asked = options()
    if reason := postgres.lacking() or kafka.lacking():
        raise SystemExit(reason)
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # a new topic has no leader at first
    facts = {"command": " ".join(["python -m tests.bench.real", *sys.argv[1:]]), **machine()}
    facts["loop before"] = f"{loop_ms():.0f} ms"
    figures = rates(asked)
    most = next(f.value for f in figures if f.name == "orders to their end")
    figures += floors(asked) + latencies(asked, most)
    facts["loop after"] = f"{loop_ms():.0f} ms"
    print("\n".join(f"{name:<12} {value}" for name, value in facts.items()), end="\n\n")
    print(tables(figures))


if __name__ == "__main__":
    main()
