"""The order, and order's own copy of the catalogue."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from domains.row import Minor, Row
from schemas.fields import Address, ItemPriced, Part
from schemas.money import to_amount


class Status(StrEnum):
    """Where an order is; CONFIRMED and CANCELLED are final."""

    PLACED = "PLACED"
    CONFIRMED = "CONFIRMED"
    CANCELLED = "CANCELLED"


class Progress(StrEnum):
    """What became of one step of an order, as far as order has heard."""

    PENDING = "pending"
    DONE = "done"
    FAILED = "failed"
    UNDONE = "undone"
    SKIPPED = "skipped"


class Steps(Part):
    """The steps of an order, in their order."""

    place: Progress = Progress.DONE
    reserve: Progress = Progress.PENDING
    charge: Progress = Progress.PENDING
    arrange: Progress = Progress.PENDING
    confirm: Progress = Progress.PENDING


class Order(Row, partition=("customer_id",), clustering=("order_id",), indexes=("order_id",)):
    """One order; `listing_revisions` says, line by line, which catalogue entry was used.

    Rows of version 1 did not say when they ended; the last change of an ended order is near enough.
    """

    upgrades = {  # noqa: RUF012
        1: lambda row: (
            row if row.status is Status.PLACED else row.but(ended_at=row.ended_at or row.updated_at)
        )
    }

    customer_id: str
    order_id: str
    items: tuple[ItemPriced, ...]
    total_amount: Minor
    currency: str
    shipping_address: Address
    payment_method: str
    status: Status
    reason: str | None = None
    detail: str | None = None
    created_at: datetime
    updated_at: datetime
    ended_at: datetime | None = None
    steps: Steps
    listing_revisions: tuple[int, ...]
    revision: int = 1

    def public(self) -> dict[str, Any]:
        """CONFIRMED is final; whether the money went back nevertheless is told beside it."""
        return super().public() | {"refunded": self.steps.charge is Progress.UNDONE}

    def ref(self) -> dict[str, Any]:
        """The order's reference, as arguments of a message."""
        return {
            "order_id": self.order_id,
            "customer_id": self.customer_id,
            "amount": to_amount(self.total_amount, self.currency),
            "currency": self.currency,
            "payment_method": self.payment_method,
            "shipment_partition": self.shipping_address.partition,
        }


class Listing(Row, partition=("product_id",), reference=True):
    """A product as inventory last announced it; prices and categories come from here only."""

    product_id: str
    product_name: str
    category: str
    unit_price: Minor
    currency: str
    revision: int
