"""Workers of one domain over one Kafka and one PostgreSQL, and rows that all of them want.

`python -m tests.bench.workers` starts one, two and four processes. Each is inventory's worker as
`odori up` has it: it hears OrderPlaced from a backlog, handles what has come and publishes what it
announces. Orders per second are counted while all of them are at work.
"""

import argparse
import asyncio
import itertools
import logging
import multiprocessing
import random
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from statistics import median
from typing import Any

import uvloop

from domains.inventory.rows import Stock
from infra.clock import utc_now
from infra.tuning import tune_process
from schemas.fields import ItemPriced
from schemas.order import OrderPlaced
from streams.answers import answer
from streams.bus import TopicSpec
from streams.envelope import Envelope
from streams.kafka_bus import KafkaBus
from streams.shared_home import Shared
from streams.store import Store
from streams.topology import discover
from streams.worker import Worker
from tests.bench.driver import pause
from tests.bench.figures import loop_ms, machine
from tests.services import kafka, postgres

WORKERS = (1, 2, 4)
PRODUCTS = (77, 1_000)
CATEGORIES = 8
LINES = 3
PARTITIONS = 12
RETENTION_MS = 3_600_000
#: Orders that wait: more than four workers handle until the end of a measurement.
BACKLOG_ORDERS = 200_000
#: Messages published at a time.
PUBLISHED_AT_ONCE = 2_000
#: A worker that announced nothing for so long had nothing to hear.
BUSY_S = 1.0
#: Until then every worker has joined its group and handled some batches.
START_S = 7.0


@dataclass
class Share:
    """What one worker did between the start and the end."""

    orders: int
    conflicts: int
    cpu_s: float
    #: Whether orders of the backlog came until the end.
    busy: bool


@dataclass
class Measured:
    """What all of them did together: orders a second, and their processor time for each."""

    rate: float
    conflicts: int
    cpu_us: float


def products(count: int) -> list[tuple[str, str]]:
    """Category and id of each."""
    return [(f"category {i % CATEGORIES}", f"product {i}") for i in range(count)]


def stock(count: int) -> Iterable[Stock]:
    """Enough of everything."""
    for category, product in products(count):
        yield Stock(
            category=category, product_id=product, product_name=product, quantity=10**12,
            reserved_quantity=0, available_quantity=10**12, unit_price=100, currency="USD",
            low_stock_threshold=0, last_updated=datetime.now(UTC), initial=10**12,
        )  # fmt: skip


def orders(known: list[tuple[str, str]], numbers: Iterable[int]) -> list[Envelope]:
    """Orders of three lines each, as the order domain says them, but for their keys: these spread
    evenly over all workers, and so do the wishes for each product."""
    chance, found = random.Random(0), []
    for number in numbers:
        lines = tuple(
            ItemPriced(product_id=p, quantity=1, category=c, unit_price="1.00")
            for c, p in chance.sample(known, LINES)
        )
        placed = OrderPlaced.model_validate(
            {
                "order_id": f"o{number}", "customer_id": f"c{number % 1_000}",
                "currency": "USD", "amount": "3.00", "payment_method": "card",
                "shipment_partition": "JP", "items": lines, "category": lines[0].category,
                "shipping_address": {"line1": "1", "country": "JP"},
            }
        )  # fmt: skip
        spec = placed.spec
        envelope = Envelope(
            id=f"m{number}", source="/odori/order/order-1", type=spec.wire, topic=spec.topic,
            key=placed.order_id, payload=placed.payload(), saga=spec.saga(placed),
            sequence=number + 1, time="2026-01-01T00:00:00Z",
        )  # fmt: skip
        found.append(envelope)
    return found


async def publish(address: str, count: int) -> None:
    """The backlog: orders for this many products."""
    bus, known = KafkaBus(address), products(count)
    topics = discover().topics
    await bus.start([TopicSpec(name, PARTITIONS, 1, RETENTION_MS) for name in topics])
    for first in range(0, BACKLOG_ORDERS, PUBLISHED_AT_ONCE):
        batch = orders(known, range(first, first + PUBLISHED_AT_ONCE))
        assert await bus.publish("order-1", batch) == batch[-1].sequence
    await bus.close()


async def filled(url: str, count: int) -> None:
    home = Shared.of(url, ["inventory"])
    store = Store(discover().parts["inventory"], home)
    await store.open()
    tx, codec = store.engine.begin(), store.codec(Stock)
    tx.insert_new(codec.table, [codec.encode(row) for row in stock(count)])
    await tx.commit()
    await store.close()


async def work(
    url: str, address: str, epoch: int, seconds: float, name: str, start: float
) -> Share:
    """Be a worker, and count from `start` (of the monotonic clock) on for some seconds."""
    tune_process()
    topology = discover()
    store = Store(topology.parts["inventory"], Shared.of(url, ["inventory"]))
    await store.open()
    bus, orders, last = KafkaBus(address, epoch=epoch, name=name), 0, 0.0

    def count(said: Sequence[Envelope]) -> None:
        nonlocal orders, last
        orders, last = orders + len(said), time.monotonic()

    worker = Worker(
        store, topology.catalogue, bus, utc_now, answer, [count], exclusive=False, member=name
    )
    await worker.start()
    await pause(start - time.monotonic())
    before, conflicts, cpu = orders, worker.handler.conflicts, time.process_time()
    await pause(start + seconds - time.monotonic())
    share = Share(
        orders - before, worker.handler.conflicts - conflicts, time.process_time() - cpu,
        last > start + seconds - BUSY_S,
    )  # fmt: skip
    await worker.stop()
    await bus.close()
    await store.close()
    return share


def run(work: Any, *arguments: Any) -> Any:
    uvloop.install()
    return asyncio.run(work(*arguments))


class Bench:
    """One Kafka with a backlog, and a new PostgreSQL for each measurement."""

    def __init__(self, asked: argparse.Namespace, address: str, products: int) -> None:
        self._asked = asked
        self._address = address
        self._products = products
        self._epochs = itertools.count(1)  # each measurement's groups begin at the beginning

    def measure(self, workers: int) -> Measured:
        """All workers together; SystemExit if one of them had nothing left to hear."""
        context, epoch = multiprocessing.get_context("spawn"), next(self._epochs)
        with (
            postgres.running(fsync=True) as server,
            ProcessPoolExecutor(workers, mp_context=context) as pool,
        ):
            pool.submit(run, filled, server.url, self._products).result()
            place, seconds = (server.url, self._address, epoch), self._asked.seconds
            start = time.monotonic() + START_S
            asked = [
                pool.submit(run, work, *place, seconds, f"w{n}-", start) for n in range(workers)
            ]
            shares = [share.result() for share in asked]
        if not all(share.busy for share in shares):
            raise SystemExit(f"{workers} workers ran dry: {shares}; shorten --seconds")
        done = sum(share.orders for share in shares)
        return Measured(
            done / seconds,
            sum(share.conflicts for share in shares),
            sum(share.cpu_s for share in shares) * 1e6 / done,
        )


def compare(asked: argparse.Namespace, count: int) -> None:
    """One, two and four workers in turn, round by round, and the median round of each."""
    with kafka.running() as server:
        asyncio.run(publish(server.address, count))
        bench = Bench(asked, server.address, count)
        rounds = [[bench.measure(workers) for workers in WORKERS] for _ in range(asked.rounds)]
    for at, workers in enumerate(WORKERS):
        found = [one[at] for one in rounds]
        rates = [one.rate for one in found]
        ratio = median(one[at].rate / one[0].rate for one in rounds)
        cpu, lost = median(one.cpu_us for one in found), median(one.conflicts for one in found)
        said = " ".join(f"{rate:,.0f}" for rate in rates)
        print(
            f"{count:>9}{workers:>9}{median(rates):>10,.0f}{ratio:>8.2f}{cpu:>8,.0f}{lost:>11,.0f}"
            f"  {said}",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.workers", description=__doc__)
    parser.add_argument("--seconds", type=float, default=6)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    if reason := postgres.lacking() or kafka.lacking():
        raise SystemExit(reason)
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # a new topic has no leader at first
    print("\n".join(f"{name:<12} {value}" for name, value in machine().items()))
    print(f"loop         {loop_ms():.0f} ms\n")
    heads = (
        f"{'products':>9}{'workers':>9}{'orders/s':>10}{'of one':>8}{'CPU us':>8}{'conflicts':>11}"
    )
    print(f"{heads}  rounds")
    for count in PRODUCTS:
        compare(asked, count)


if __name__ == "__main__":
    main()
