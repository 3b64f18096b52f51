"""A running system with a shop that takes cards, on a data folder of its own."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

from domains.order.rows import Listing
from domains.payment.rows import Payment
from domains.row import Row
from infra.settings import Settings
from schemas.inventory import ListProduct
from schemas.message import Command
from streams.connectors.local_provider import LocalProvider
from streams.connectors.payment import PaymentConnector
from streams.connectors.provider import PaymentProvider, ProviderTimeout, Reply, Request
from streams.delivery import Delivery, Outcome, Via
from streams.envelope import Envelope
from streams.system import System
from tests.stores import execute, store_of
from tests.trade import place

R = TypeVar("R", bound=Row)

#: Seconds after which something that was to happen counts as not happening.
PATIENCE_SECONDS = 20
#: What one order of these tests costs: two of tea, one of rice.
PRICE = 2_100

WAITING = ("REQUESTED", "VOIDING", "REFUNDING")


class Till:
    """The system and everything it announced."""

    def __init__(self, system: System) -> None:
        self.system = system
        self.data = system.data
        self.heard: list[Envelope] = []
        self._news = asyncio.Event()
        system.taps.append(self._hear)

    def _hear(self, batch: Sequence[Envelope]) -> None:
        self.heard.extend(batch)
        self._news.set()

    @property
    def connector(self) -> PaymentConnector:
        assert self.system.connector is not None
        return self.system.connector

    async def until(self, name: str, saga: str = "O-1") -> Envelope:
        """The announcement of this name in this saga, as soon as it is made."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                if found := self.said(name, saga):
                    return found[0]
                self._news.clear()
                await self._news.wait()

    async def until_idle(self) -> None:
        """The connector has seen the end of every payment, and counts it as heard."""
        connector = self.connector
        async with asyncio.timeout(PATIENCE_SECONDS):
            while connector._under_way:
                connector._room.clear()
                await connector._room.wait()

    def said(self, name: str, saga: str = "O-1") -> list[Envelope]:
        return [e for e in self.heard if e.type.split(".")[2] == name and e.saga == saga]

    async def send(self, command: Command, number: int = 1) -> Outcome:
        """Hand a command in as the operator's tools do."""
        spec = command.spec
        envelope = Envelope(
            id=f"{spec.saga(command)}-{spec.name}-{number}", source="/odori/test/till",
            type=spec.wire, topic=spec.topic, key=spec.key(command), payload=command.payload(),
            saga=spec.saga(command),
        )  # fmt: skip
        return await self.system.submit(spec.domain, Delivery(envelope, Via.HTTP, operator=True))

    async def stock_up(self, quantity: int = 1_000) -> None:
        """Tea and rice, and an order domain that knows of both."""
        for product, category, price in (("tea", "drinks", "4.50"), ("rice", "grains", "12.00")):
            listed = ListProduct(
                product_id=product, product_name=product, category=category, currency="USD",
                unit_price=price, quantity=quantity,
            )  # fmt: skip
            await self.send(listed)
        async with asyncio.timeout(PATIENCE_SECONDS):
            while None in [await self.row(Listing, "order", name) for name in ("tea", "rice")]:
                pass  # every look is a read of the store

    async def buy(self, order_id: str = "O-1", **changes: Any) -> None:
        """An order paid by card."""
        await self.send(place(order_id, payment_method="card", **changes))

    async def row(self, row: type[R], domain: str, *key: str) -> R | None:
        """One row as it is now."""
        store = self.system.stores[domain]
        codec = store.codec(row)
        async with store.reader.begin() as snapshot:
            await snapshot.fetch({codec.table: [key]})
            record = snapshot.seen(codec.table, key)
        found = None if record is None else codec.decode(record)
        assert found is None or isinstance(found, row)
        return found

    async def payment(self, order_id: str = "O-1", customer: str = "ann") -> Payment:
        found = await self.row(Payment, "payment", customer, order_id)
        assert found is not None
        return found

    async def until_attempted(self, order_id: str = "O-1") -> None:
        """The connector may have called its provider."""
        await self.until("ChargeAttempted", order_id)

    async def until_ended(self, order_id: str) -> None:
        """The order is confirmed or cancelled."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not (
                self.said("OrderConfirmed", order_id) + self.said("OrderCancelled", order_id)
            ):
                self._news.clear()
                await self._news.wait()

    async def until_settled(self, places: list[tuple[str, str]]) -> None:
        """None of these payments waits for the provider; (customer, order) each."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            for customer, order in places:
                while True:
                    row = await self.row(Payment, "payment", customer, order)
                    if row is None or row.status not in WAITING:
                        break


class Vanishing(LocalProvider):
    """Takes the first charge, loses its answer, and is down until the rules say otherwise."""

    def __init__(self, data: Path) -> None:
        super().__init__(data)
        self._data = data

    async def charge(self, request: Request) -> Reply:
        await super().charge(request)
        rules(self._data, "down *")
        raise ProviderTimeout("it is gone")


def rules(data: Path, *lines: str) -> None:
    """Tell the local provider how to behave from now on."""
    data.mkdir(exist_ok=True)
    (data / "provider.rules").write_text("\n".join(lines), "utf-8")


def answered(data: Path) -> list[tuple[str, int]]:
    """(key, approved) of everything that the provider ever answered."""
    if not (data / "provider.db").exists():
        return []
    return execute(data, "provider", "SELECT key, approved FROM answered ORDER BY key")


async def until_answered(data: Path, key: str) -> None:
    """The provider did what this key asks for, whether or not anybody knows."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while key not in dict(answered(data)):
            await asyncio.to_thread(data.exists)  # every look is a read of the books


def heard(data: Path, envelope: Envelope) -> int:
    """How far the connector has noted that it heard the lane of this announcement."""
    lane = envelope.source.rpartition("/")[2]
    rows = execute(data, "payment", f"""SELECT sequence FROM "payment$positions"
        WHERE subscriber = 'payment.connector' AND lane = '{lane}'""")  # fmt: skip
    return sum(sequence for (sequence,) in rows)


def check_the_books(data: Path) -> None:
    """What the provider has taken and not given back is what payment counts as paid."""
    [(taken,)] = execute(data, "provider", """SELECT
        coalesce(sum(CASE kind WHEN 'charge' THEN amount ELSE -amount END), 0)
        FROM answered WHERE approved""")  # fmt: skip
    paid: dict[str, int] = dict(execute(data, "payment", """SELECT status, sum(amount)
        FROM "payment$payment" WHERE payment_method = 'card' GROUP BY status"""))  # fmt: skip
    assert taken == paid.get("COMPLETED", 0)
    assert not paid.keys() & set(WAITING), "at rest nothing waits"


@asynccontextmanager
async def opened(
    data: Path, provider: PaymentProvider | None = None, kafka: str = ""
) -> AsyncIterator[Till]:
    """A system that runs, and is stopped afterwards."""
    settings = Settings(data=data, kafka=kafka, store=store_of(data))
    system = System(settings, provider=provider)
    await system.start()
    try:
        yield Till(system)
    finally:
        await system.stop()
