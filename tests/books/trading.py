"""A system that trades in this process: a small shop, orders of every outcome, and its rest."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from infra.settings import Settings
from schemas.fields import Address, ItemAsked
from schemas.inventory import CancelReservation, HoldStock, ListProduct, Replenish
from schemas.message import Command
from schemas.order import CancelOrder, PlaceOrder
from schemas.payment import OpenWallet, RefundPayment, TopUpWallet
from schemas.shipping import RefuseDestination
from streams.books.check import Books, Verdict, check
from streams.delivery import Delivery, Outcome, Via
from streams.envelope import Envelope
from streams.home import Home, home_of
from streams.system import System
from tests.stores import execute, store_of
from tests.trade import COMMERCE

#: Seconds after which a system that should be at rest is taken to be stuck.
PATIENCE_S = 30
TOKYO = Address(line1="1-1 Chiyoda", city="Tokyo", prefecture="Tokyo", country="JP")
NOWHERE = Address(line1="Deep street", city="Poseidonis", prefecture="Sunken", country="AT")
CUSTOMERS = ("ann", "bob", "poor")

_ids = itertools.count(1)


@asynccontextmanager
async def trading(data: Path) -> AsyncIterator[System]:
    """A running system over this folder."""
    system = System(Settings(data=data, store=store_of(data)))
    try:
        await system.start()
        yield system
    finally:
        await system.stop()


async def send(system: System, command: Command) -> Outcome:
    """Hand in one command, as HTTP does for an operator."""
    spec = command.spec
    envelope = Envelope(
        id=f"test-{next(_ids)}", source="/test", type=spec.wire, topic=spec.topic,
        key=spec.key(command), payload=command.payload(), saga=spec.saga(command), body=command,
    )  # fmt: skip
    return await system.submit(spec.domain, Delivery(envelope, Via.HTTP, operator=True))


async def send_all(system: System, commands: Iterable[Command]) -> None:
    await asyncio.gather(*(send(system, command) for command in commands))


def order(order_id: str, customer: str = "ann", **changes: Any) -> PlaceOrder:
    """One order of two teas and a rice."""
    items = (ItemAsked(product_id="tea", quantity=2), ItemAsked(product_id="rice", quantity=1))
    facts: dict[str, Any] = {
        "items": items,
        "shipping_address": TOKYO,
        "payment_method": "wallet",
    }
    return PlaceOrder(order_id=order_id, customer_id=customer, **(facts | changes))


def hold(order_id: str) -> HoldStock:
    """Three teas for ann, kept for an order that may follow."""
    items = (ItemAsked(product_id="tea", quantity=3),)
    return HoldStock(order_id=order_id, customer_id="ann", items=items)


async def open_shop(system: System, broker: System | None = None) -> None:
    """Three products, three customers of whom one is poor, one place that is not served."""
    await send_all(
        system,
        [
            *[
                ListProduct(
                    product_id=name, product_name=name, category=category, currency="USD",
                    unit_price=price, quantity=quantity, low_stock_threshold=5,
                )
                for name, category, price, quantity in (
                    ("tea", "drinks", "4.50", 1_000), ("rice", "grains", "12.00", 1_000),
                    ("miso", "condiments", "3.25", 1),
                )
            ],
            *[
                OpenWallet(
                    customer_id=name, currency="USD", opening="5.00" if name == "poor" else "900.00"
                )
                for name in CUSTOMERS
            ],
            RefuseDestination(destination="Sunken", request_id="r1"),
        ],
    )  # fmt: skip
    await at_rest(system.data, broker)


async def trade(system: System, prefix: str = "A", count: int = 10) -> None:
    """Orders of every outcome, and what else moves stock and money."""
    miso = (ItemAsked(product_id="miso", quantity=2),)
    for n in range(count):
        at = f"{prefix}-{n}"
        await send(system, hold(f"{at}-a"))
        await send_all(
            system,
            [
                order(f"{at}-a"),
                order(f"{at}-b", "bob"),
                order(f"{at}-poor", "poor"),
                order(f"{at}-sunk", shipping_address=NOWHERE),
                order(f"{at}-short", items=miso),
                TopUpWallet(customer_id="bob", request_id=at, currency="USD", amount="60.5"),
                TopUpWallet(customer_id="ann", request_id=at, currency="USD", amount="60"),
                Replenish(product_id="tea", request_id=at, quantity=9),
                hold(f"{at}-held"),
                CancelReservation(order_id=f"{at}-held", request_id=at),
                CancelOrder(order_id=f"{at}-b", customer_id="bob", request_id=at),
                RefundPayment(order_id=f"{at}-a", customer_id="ann", request_id=at),
            ],
        )  # fmt: skip


class Ear:
    """Hears what a system announces after its commit."""

    def __init__(self, system: System) -> None:
        self._news = asyncio.Event()
        self._heard: list[str] = []
        system.taps.append(self._hear)

    def _hear(self, batch: Sequence[Envelope]) -> None:
        self._heard += [envelope.type.split(".")[2] for envelope in batch]
        self._news.set()

    async def until(self, name: str) -> None:
        """Wait for a message of this name; raises TimeoutError."""
        async with asyncio.timeout(PATIENCE_S):
            while name not in self._heard:
                self._news.clear()
                await self._news.wait()


async def at_rest(data: Path, broker: System | None = None) -> Books:
    """The books, once everything has come to rest; `broker` is a system whose broker keeps the
    positions."""
    lag = None
    if broker is not None:
        loop, running = asyncio.get_running_loop(), broker

        def lag() -> dict[str, int]:
            return asyncio.run_coroutine_threadsafe(_lag(running), loop).result()

    books = await asyncio.to_thread(check, home_at(data), lag=lag, wait_s=PATIENCE_S)
    assert books.verdict is not Verdict.MOVING, books.moving
    return books


def home_at(data: Path) -> Home:
    """Where the stores of a folder are."""
    return home_of(Settings(data=data, store=store_of(data)), COMMERCE)


async def _lag(system: System) -> dict[str, int]:
    found = [lag for worker in system.workers.values() for lag in await worker.subscription.lag()]
    return {
        topic: sum(lag.messages for lag in found if lag.topic == topic)
        for topic in {lag.topic for lag in found}
    }


def by_hand(data: Path, domain: str, sql: str) -> None:
    """What an intruder does."""
    execute(data, domain, sql)


def asked(data: Path, domain: str, sql: str) -> list[tuple[Any, ...]]:
    """Plain SQL on one store."""
    return execute(data, domain, sql)
