"""Workers over the same hot products, and another program that locks what they want."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random
from threading import Barrier, Event

import asyncpg
import pytest

from domains.inventory.rows import Reservation, Stock
from infra.engine.errors import Conflict
from schemas.fields import ItemPriced
from schemas.message import Message
from schemas.order import OrderPlaced
from streams.delivery import Result
from tests.races.desk import Desk, names, results
from tests.stores import store_of
from tests.trade import event, shelves, stock

PRODUCTS = [f"p{number}" for number in range(77)]
WORKERS_COUNT = 3
BATCHES_COUNT = 6
#: Seconds within which somebody waits for a lock, or never does.
PATIENCE_SECONDS = 20
WAITING = "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)"

pytestmark = pytest.mark.service


def batch(chance: Random, name: str) -> list[Message]:
    """Orders of three of the products, in any order."""
    return [
        event(OrderPlaced, order_id=f"{name}-{number}", items=tuple(
            ItemPriced(product_id=product, quantity=1, category="drinks", unit_price="1.00")
            for product in chance.sample(PRODUCTS, 3)
        ))
        for number in range(20)
    ]  # fmt: skip


def test_workers_over_the_same_hot_products_all_get_on(tmp_path: Path) -> None:
    desks = [Desk("inventory", tmp_path) for _ in range(WORKERS_COUNT)]
    desks[0].write(*[stock().but(product_id=n, available_quantity=10**6) for n in PRODUCTS])
    together = Barrier(WORKERS_COUNT, timeout=PATIENCE_SECONDS)

    def work(number: int) -> list[Result]:
        desk, chance, met = desks[number], Random(number), [together.wait]

        def fault(point: str) -> None:
            if point == "before-commit" and met:
                met.pop()()  # all have read, nobody has written

        desk.fault = fault
        heard = (desk.hear(*batch(chance, f"{number}-{i}")) for i in range(BATCHES_COUNT))
        return [result for handled in heard for result in results(handled)]

    with ThreadPoolExecutor(WORKERS_COUNT) as pool:
        done = [result for each in pool.map(work, range(WORKERS_COUNT)) for result in each]
    orders = WORKERS_COUNT * BATCHES_COUNT * 20
    assert done == [Result.DONE] * orders
    assert sum(row.reserved_quantity for row in desks[0].rows(Stock)) == orders * 3
    assert len(desks[0].rows(Reservation)) == orders
    assert sum(desk.handler.conflicts for desk in desks) >= WORKERS_COUNT - 1


async def test_a_deadlock_with_another_program_is_one_more_conflict(tmp_path: Path) -> None:
    desk, lost, ended = Desk("inventory", tmp_path), [Conflict("and now with locks")], Event()
    desk.write(*shelves())

    def fault(point: str) -> None:
        if point == "before-commit" and lost:
            raise lost.pop()
        if point == "begin" and desk.handler.conflicts > 1:
            assert ended.wait(PATIENCE_SECONDS)  # it would overtake the one that it made way for

    desk.fault = fault
    patient = {"deadlock_timeout": "1h"}  # so that it is the desk which finds out
    other = await asyncpg.connect(store_of(tmp_path), server_settings=patient)
    lock = """SELECT FROM "inventory"."stock" WHERE product_id = $1 FOR UPDATE"""
    try:
        async with asyncio.timeout(PATIENCE_SECONDS), other.transaction():
            await other.fetch(lock, "rice")
            handling = asyncio.create_task(asyncio.to_thread(desk.hear, event(OrderPlaced)))
            while not await other.fetchval(WAITING):
                pass  # every look is a question to the server
            await other.fetch(lock, "tea")  # which the desk has locked
        ended.set()
        assert names(await handling) == ["StockReserved"]
    finally:
        await other.close()
    assert desk.handler.conflicts == 2
