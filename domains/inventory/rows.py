"""Stock per product, where each product is, and what is reserved for whom."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Self

from domains.row import Minor, MinorUnits, Row
from schemas.fields import ItemPriced
from schemas.money import to_amount


class Stock(Row, partition=("category",), clustering=("product_id",)):
    """One product. The books: initial + replenished = available + reserved + committed.

    `revision` counts what the catalogue says (name, price), not the units; `low` says that
    StockLow was announced since there was last enough.
    """

    category: str
    product_id: str
    product_name: str
    quantity: int
    reserved_quantity: int
    available_quantity: int
    unit_price: Minor
    currency: str
    low_stock_threshold: int
    last_updated: datetime
    initial: int
    replenished: int = 0
    committed: int = 0
    low: bool = False
    revision: int = 1

    def reserving(self, units: int, now: datetime) -> Self:
        """With so many units more reserved, or fewer if negative."""
        return self.but(
            reserved_quantity=self.reserved_quantity + units,
            available_quantity=self.available_quantity - units,
            last_updated=now,
        )


class Shelf(Row, partition=("product_id",), reference=True):
    """In which category a product is, for commands that do not say; it never changes."""

    product_id: str
    category: str


class Status(StrEnum):
    """HELD without an order, RESERVED for one; the others keep nothing."""

    HELD = "HELD"
    RESERVED = "RESERVED"
    COMMITTED = "COMMITTED"
    RELEASED = "RELEASED"
    EXPIRED = "EXPIRED"


class Reservation(Row, partition=("order_id",)):
    """What is kept under an order id. What follows `round` is known of orders, not of holds.

    `expires_at` is the due time of its timer, `round` how often that was set.
    """

    order_id: str
    reservation_id: str
    customer_id: str
    items: tuple[ItemPriced, ...]
    status: Status
    expires_at: datetime
    created_at: datetime
    round: int = 1
    amount: Annotated[int | None, MinorUnits()] = None
    currency: str | None = None
    payment_method: str | None = None
    shipment_partition: str | None = None

    def ref(self) -> dict[str, Any]:
        """The order's reference, as arguments of a message; a hold has none."""
        assert self.amount is not None, "an order's reservation has an amount"
        assert self.currency is not None, "and a currency"
        return {
            "order_id": self.order_id,
            "customer_id": self.customer_id,
            "amount": to_amount(self.amount, self.currency),
            "currency": self.currency,
            "payment_method": self.payment_method,
            "shipment_partition": self.shipment_partition,
        }
