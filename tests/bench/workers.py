"""Workers of one domain on one PostgreSQL, and rows that all of them want.

`python -m tests.bench.workers` starts one, two and four processes, each of which handles batches of
OrderPlaced for inventory as `odori up` does between bus and bus, and prints orders per second.
"""

import argparse
import asyncio
import multiprocessing
import random
import time
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from statistics import median
from typing import Any

import uvloop

from domains.inventory.rows import Stock
from infra.clock import utc_now
from schemas.catalogue import Catalogue
from schemas.fields import ItemPriced
from schemas.order import OrderPlaced
from streams.answers import answer
from streams.bus import Arrival
from streams.delivery import Delivery, Via
from streams.envelope import Envelope
from streams.handle import Handler
from streams.lane import open_lane
from streams.rows import LaneRow
from streams.shared_home import Shared
from streams.store import Store
from streams.topology import discover
from tests.bench.driver import pause
from tests.bench.figures import loop_ms, machine
from tests.services.postgres import lacking, running

WORKERS = (1, 2, 4)
PRODUCTS = (77, 1_000)
CATEGORIES = 8
LINES = 3
#: More orders a second than one worker will ever handle.
RATE_MAX = 6_000
#: Until then every worker has its orders made and its connections open.
START_S = 12.0


@dataclass
class Share:
    """What one worker did."""

    orders: int
    seconds: float
    conflicts: int


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


def orders(worker: str, known: list[tuple[str, str]], count: int) -> list[Delivery]:
    """Deliveries of an order of three lines each, as the bus brings them."""
    chance, found = random.Random(worker), []
    for number in range(count):
        lines = tuple(
            ItemPriced(product_id=p, quantity=1, category=c, unit_price="1.00")
            for c, p in chance.sample(known, LINES)
        )
        placed = OrderPlaced.model_validate(
            {
                "order_id": f"{worker}-{number}", "customer_id": f"c{number % 1_000}",
                "currency": "USD", "amount": "3.00", "payment_method": "card",
                "shipment_partition": "JP", "items": lines, "category": lines[0].category,
                "shipping_address": {"line1": "1", "country": "JP"},
            }
        )  # fmt: skip
        spec = placed.spec
        envelope = Envelope(
            id=f"{worker}-m{number}", source=f"/odori/order/{worker}", type=spec.wire,
            topic=spec.topic, key=spec.key(placed), payload=placed.payload(),
            saga=spec.saga(placed), sequence=number + 1,
        )  # fmt: skip
        arrival = Arrival(envelope, spec.topic, 0, number)
        found.append(Delivery(envelope, Via.BUS, arrival))
    return found


async def filled(url: str, count: int) -> None:
    topology = discover()
    home = Shared.of(url, ["inventory"])
    store = Store(topology.parts["inventory"], home)
    await store.open()
    tx, codec = store.engine.begin(), store.codec(Stock)
    tx.insert_new(codec.table, [codec.encode(row) for row in stock(count)])
    await tx.commit()
    await store.close()


async def worker(url: str, count: int, seconds: float, size: int, name: str, start: float) -> Share:
    """Handle batches from `start` (of the monotonic clock) on; what is handled is not published."""
    topology = discover()
    store = Store(topology.parts["inventory"], Shared.of(url, ["inventory"]))
    await store.open()
    lane = await open_lane(store.engine, store.codec(LaneRow), "inventory")
    handler = Handler(store.part, Catalogue(), store.engine, lane, utc_now, answer)
    waiting = orders(name, products(count), int(seconds * RATE_MAX))
    await handler.handle(waiting[:size])
    at = size
    await pause(max(0.0, start - time.monotonic()))
    begun = time.monotonic()
    while time.monotonic() - begun < seconds and at < len(waiting):
        await handler.handle(waiting[at : at + size])
        at += size
    elapsed = time.monotonic() - begun
    await store.close()
    return Share(at - size, elapsed, handler.conflicts)


def run(work: Any, *arguments: Any) -> Any:
    uvloop.install()
    return asyncio.run(work(*arguments))


def measure(count: int, workers: int, asked: argparse.Namespace) -> tuple[float, int]:
    """Orders per second of all workers together on a new database, and lost conflicts."""
    context = multiprocessing.get_context("spawn")
    with running(fsync=True) as server, ProcessPoolExecutor(workers, mp_context=context) as pool:
        pool.submit(run, filled, server.url, count).result()
        start = time.monotonic() + START_S
        shares = [
            pool.submit(run, worker, server.url, count, asked.seconds, asked.batch, f"w{n}", start)
            for n in range(workers)
        ]
        found = [share.result() for share in shares]
    return sum(one.orders / one.seconds for one in found), sum(one.conflicts for one in found)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.workers", description=__doc__)
    parser.add_argument("--seconds", type=float, default=6)
    parser.add_argument("--batch", type=int, default=100, help="orders of one transaction")
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    if reason := lacking():
        raise SystemExit(reason)
    print("\n".join(f"{name:<12} {value}" for name, value in machine().items()))
    print(f"loop         {loop_ms():.0f} ms\n")
    print(f"{'products':>9}{'workers':>9}{'orders/s':>10}{'of one':>8}{'conflicts':>11}  rounds")
    for count in PRODUCTS:
        rounds = [[measure(count, w, asked) for w in WORKERS] for _ in range(asked.rounds)]
        for at, workers in enumerate(WORKERS):
            rates = [one[at][0] for one in rounds]
            ratio = median(one[at][0] / one[0][0] for one in rounds)
            lost = median(one[at][1] for one in rounds)
            said = " ".join(f"{rate:,.0f}" for rate in rates)
            print(
                f"{count:>9}{workers:>9}{median(rates):>10,.0f}{ratio:>8.2f}{lost:>11,.0f}  {said}",
                flush=True,
            )


if __name__ == "__main__":
    main()
