"""The books by plain SQL over the files at rest, and how often each thing was said."""

from collections import Counter
from pathlib import Path
from typing import Any

from tests.e2e.shop import FINAL, query, statuses

#: Said once at most of one order, whatever happened to the processes.
ONCE = ("OrderPlaced", "StockReserved", "StockShort", "PaymentCompleted", "PaymentDeclined",
        "PaymentRefunded", "StockReleased", "StockCommitted", "ShipmentArranged")  # fmt: skip

_STOCK = """
SELECT product_id, initial + replenished, available_quantity + reserved_quantity + committed,
       reserved_quantity FROM "inventory$stock"
"""
_SOLD = """
SELECT json_extract(line.value, '$.productId'),
  sum(CAST(json_extract(line.value, '$.quantity') AS BIGINT))
FROM "order$order", json_each(items) AS line WHERE status = 'CONFIRMED' GROUP BY 1
"""
_SAID = """SELECT json_extract(headers, '$.saga'), type FROM "{}$outbox" """


def check_the_books(data: Path) -> None:
    """Nothing was lost, sold twice or kept; every order has one end."""
    committed = dict(
        query(data, "inventory", 'SELECT product_id, committed FROM "inventory$stock"')
    )
    for product, had, has, reserved in query(data, "inventory", _STOCK):
        assert (had, reserved) == (has, 0), product
    sold = dict(query(data, "order", _SOLD))
    assert {p: units for p, units in committed.items() if units} == sold
    assert query(data, "payment", 'SELECT customer_id FROM "payment$wallet" '
                 "WHERE opening + topped_up + refunded <> balance + charged") == []  # fmt: skip
    _check_money(data)
    _check_provider(data)
    found = statuses(data)
    kept = dict(query(data, "inventory", 'SELECT order_id, status FROM "inventory$reservation"'))
    shipped = dict(query(data, "shipping", 'SELECT order_id, status FROM "shipping$shipment"'))
    for order, status in found.items():
        confirmed = status == "CONFIRMED"
        assert status in FINAL, order
        assert (kept.get(order) == "COMMITTED") is confirmed, order
        assert (shipped.get(order) == "ARRANGED") is confirmed, order
    assert query(data, "order", 'SELECT saga FROM "order$parked"') == []


def _check_money(data: Path) -> None:
    """What wallets were charged and did not get back is what confirmed orders cost."""
    confirmed = """SELECT customer_id, sum(total_amount) FROM "order$order"
        WHERE status = 'CONFIRMED' AND payment_method = 'wallet' GROUP BY 1"""
    cost = dict(query(data, "order", confirmed))
    paid = 'SELECT customer_id, charged - refunded FROM "payment$wallet" '
    kept = query(data, "payment", paid + "WHERE charged > refunded")
    assert dict(kept) == cost


def _check_provider(data: Path) -> None:
    """What the provider took and did not give back is what confirmed orders by card cost."""
    confirmed = """SELECT order_id, total_amount FROM "order$order"
        WHERE status = 'CONFIRMED' AND payment_method = 'card' """
    taken = """SELECT order_id, sum(CASE kind WHEN 'charge' THEN amount ELSE -amount END) AS kept
        FROM answered WHERE approved GROUP BY order_id HAVING kept <> 0"""
    cards = dict(query(data, "order", confirmed))
    if cards:
        assert dict(query(data, "provider", taken)) == cards


def announced(data: Path) -> dict[str, Counter[str]]:
    """Saga by saga, how often each message was announced, by its short name."""
    said: dict[str, Counter[str]] = {}
    for domain in ("order", "inventory", "payment", "shipping"):
        for saga, type_ in query(data, domain, _SAID.format(domain)):
            said.setdefault(saga, Counter())[type_.split(".")[2]] += 1
    return said


def check_once(data: Path, orders: Any) -> None:
    """Each of these orders was placed once and ended once, and no step ran twice."""
    said = announced(data)
    for order in orders:
        names = said[order]
        assert names["OrderPlaced"] == 1, (order, names)
        assert names["OrderConfirmed"] + names["OrderCancelled"] == 1, (order, names)
        assert all(names[name] <= 1 for name in ONCE), (order, names)
