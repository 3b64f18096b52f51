"""A small shop over HTTP, its customers, and what became of their orders."""

import asyncio
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

import httpx

from tests.e2e.process import PATIENCE_SECONDS, Odori
from tests.stores import execute

#: product -> category, price, units at the start: the last one runs out.
PRODUCTS = {
    "tea": ("drinks", "4.50", 1_000_000),
    "rice": ("grains", "12.00", 1_000_000),
    "saffron": ("spices", "9.00", 300),
}
CUSTOMERS = ("ann", "bob", "cho")
#: Has less than she wants.
POOR = "dan"
REFUSED = "Sunken"
FINAL = ("CONFIRMED", "CANCELLED")


async def stock_up(odori: Odori) -> None:
    """Products, wallets, a place that is not served; until order knows what can be bought."""
    operator = {"x-odori-operator-key": (odori.data / "operator.key").read_text()}
    for name, (category, price, units) in PRODUCTS.items():
        product = {
            "productId": name, "productName": name, "category": category, "currency": "USD",
            "unitPrice": price, "quantity": units,
        }  # fmt: skip
        await post(odori, "/api/inventory/list-product", product, operator)
    for name in (*CUSTOMERS, POOR):
        opening = "200.00" if name == POOR else "9000000.00"
        wallet = {"customerId": name, "currency": "USD", "opening": opening}
        await post(odori, "/api/payment/open-wallet", wallet, operator)
    refused = {"destination": REFUSED, "requestId": "r", "reason": "under water"}
    await post(odori, "/api/shipping/refuse-destination", refused, operator)
    async with asyncio.timeout(PATIENCE_SECONDS):
        while len((await odori.client.get("/api/order/listing")).json()["rows"]) < len(PRODUCTS):
            pass  # every look is a request


async def post(odori: Odori, path: str, body: Any, headers: dict[str, str]) -> httpx.Response:
    answer = await odori.client.post(path, json=body, headers=headers)
    assert answer.status_code == 202, answer.text
    return answer


def order(order_id: str | None, **changes: Any) -> dict[str, Any]:
    """The body of an order that is confirmed."""
    body: dict[str, Any] = {
        "customerId": "ann",
        "items": [{"productId": "tea", "quantity": 2}, {"productId": "rice", "quantity": 1}],
        "shippingAddress": {"line1": "1-1 Chiyoda", "prefecture": "Tokyo", "country": "JP"},
        "paymentMethod": "wallet",
    }
    return body | ({"orderId": order_id} if order_id else {}) | changes


def any_order(chance: Random) -> dict[str, Any]:
    """An order with any outcome: confirmed mostly, else short, declined or refused."""
    count = chance.randint(1, len(PRODUCTS))
    prefecture = chance.choices((REFUSED, "Tokyo", "Osaka"), (1, 6, 6))[0]
    return order(
        str(UUID(int=chance.getrandbits(128), version=4)),
        customerId=chance.choices((POOR, *CUSTOMERS), (1, 3, 3, 3))[0],
        items=[
            {"productId": name, "quantity": chance.randint(1, 3)}
            for name in chance.sample(sorted(PRODUCTS), count)
        ],
        shippingAddress={"line1": "x", "prefecture": prefecture, "country": "JP"},
        paymentMethod=chance.choices(("wallet", "card"), (3, 1))[0],
    )


def cancel(body: dict[str, Any]) -> dict[str, Any]:
    """The customer's wish to take this order back."""
    return {"orderId": body["orderId"], "customerId": body["customerId"], "requestId": "c1"}


def query(data: Path, domain: str, sql: str) -> list[tuple[Any, ...]]:
    """Rows of one store, read beside whoever writes it."""
    return execute(data, domain, sql)


def statuses(data: Path) -> dict[str, str]:
    """Every order with its status."""
    return dict(query(data, "order", 'SELECT order_id, status FROM "order$order"'))


def all_ended(data: Path, expected: int) -> bool:
    """Whether so many orders are there and all have come to an end."""
    found = statuses(data)
    return len(found) >= expected and all(status in FINAL for status in found.values())
