"""A running system with its web side, in this process, on a data folder of its own."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI

from infra.settings import Settings
from streams.envelope import Envelope
from streams.intake.app import create_app
from streams.system import System
from tests.stores import store_of

#: Seconds after which something that was to happen counts as not happening.
PATIENCE_SECONDS = 20
#: Tables that say how far the machinery is, not what it knows.
_BEATING = ("$lanes", "$positions")

ADDRESS = {"line1": "1-1 Chiyoda", "city": "Tokyo", "prefecture": "Tokyo", "country": "JP"}


def order(order_id: str | None = "O-1", quantity: int = 2, **changes: Any) -> dict[str, Any]:
    """The body of an order."""
    body = {
        "customerId": "ann",
        "items": [{"productId": "tea", "quantity": quantity}],
        "shippingAddress": ADDRESS,
        "paymentMethod": "wallet",
    }
    return body | ({"orderId": order_id} if order_id else {}) | changes


class House:
    """The system, a client that calls it, and everything it announced."""

    def __init__(self, system: System, app: FastAPI, client: httpx.AsyncClient) -> None:
        self.system = system
        self.app = app
        self.client = client
        self.heard: list[Envelope] = []
        self._news = asyncio.Event()
        system.taps.append(self._hear)

    def _hear(self, batch: Sequence[Envelope]) -> None:
        self.heard.extend(batch)
        self._news.set()

    async def until(self, name: str, saga: str = "O-1") -> Envelope:
        """The announcement of this name in this saga, as soon as it is made."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                for envelope in self.heard:
                    if envelope.type.split(".")[2] == name and envelope.saga == saga:
                        return envelope
                self._news.clear()
                await self._news.wait()

    async def post(self, path: str, body: Any, **headers: str) -> httpx.Response:
        """Send a command; header names are written with underscores."""
        named = [(n.replace("_", "-").encode(), v.encode("latin-1")) for n, v in headers.items()]
        answer = await self.client.post(path, json=body, headers=named)
        if answer.status_code >= 400:
            assert answer.json()["instance"] == path, "every problem says where it happened"
        return answer

    async def operate(self, path: str, body: Any) -> httpx.Response:
        """Send a command as the operator's tools do."""
        return await self.post(path, body, x_odori_operator_key=self.system.operator_key)

    async def stock_up(self, product_id: str = "tea") -> None:
        """Ten of one product on the shelf, a hundred dollars in one wallet."""
        product = {
            "productId": product_id, "productName": "Tea", "category": "drinks", "currency": "USD",
            "unitPrice": "4.50", "quantity": 10,
        }  # fmt: skip
        listed = await self.operate("/api/inventory/list-product", product)
        assert listed.status_code == 202
        wallet = {"customerId": "ann", "currency": "USD", "opening": "100.00"}
        assert (await self.operate("/api/payment/open-wallet", wallet)).status_code == 202
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not (await self.client.get("/api/order/listing")).json()["rows"]:
                pass  # every look is a read of the store

    def state(self) -> dict[str, list[tuple[Any, ...]]]:
        """Every row of every store, but for heartbeats."""
        return {
            f"{domain}.{table}": rows
            for domain in self.system.stores
            for table, rows in dump(self.system.data / f"{domain}.db").items()
            if not table.endswith(_BEATING)
        }


def dump(path: Path) -> dict[str, list[tuple[Any, ...]]]:
    """All rows of a SQLite file, by table."""
    with closing(sqlite3.connect(path)) as connection:
        tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        return {
            name: sorted(connection.execute(f'SELECT * FROM "{name}"').fetchall(), key=repr)
            for (name,) in tables.fetchall()
        }


@asynccontextmanager
async def opened(data: Path, **settings: Any) -> AsyncIterator[House]:
    """A house that is open, and closed afterwards."""
    system = System(Settings(data=data, store=store_of(data), **settings))
    app = create_app(system)
    transport = httpx.ASGITransport(app)
    await system.start()
    try:
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            yield House(system, app, client)
    finally:
        await system.stop()
