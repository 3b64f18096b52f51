"""Shipments, where they were, and the reference rows that say who ships where."""

from datetime import datetime
from enum import StrEnum

from domains.row import Row
from schemas.fields import Address, ItemPriced


class Status(StrEnum):
    """STOPPED and REFUSED orders are never shipped; the others are past the pivot."""

    STOPPED = "STOPPED"
    REFUSED = "REFUSED"
    ARRANGED = "ARRANGED"
    SHIPPED = "SHIPPED"
    DELIVERED = "DELIVERED"


class Shipment(Row, partition=("prefecture",), clustering=("order_id",)):
    """The shipment of one order, or why there is none.

    `prefecture` is the country where the address has none; `carrier_revision` and
    `destination_revision` say which reference rows were used (0: there was none).
    """

    prefecture: str
    order_id: str
    shipment_id: str
    customer_id: str
    status: Status
    shipping_address: Address | None = None
    items: tuple[ItemPriced, ...] = ()
    tracking_number: str | None = None
    carrier: str | None = None
    estimated_delivery: datetime | None = None
    created_at: datetime
    shipped_at: datetime | None = None
    delivered_at: datetime | None = None
    reason: str | None = None
    detail: str | None = None
    carrier_revision: int = 0
    destination_revision: int = 0
    revision: int = 1


class ShipmentHistory(Row, partition=("prefecture",), clustering=("order_id", "number")):
    """A shipment before and after each change; `number` is its revision then. A shipment that
    never moved has none: its row says all."""

    prefecture: str
    order_id: str
    number: int
    shipment_id: str
    status: Status
    tracking_number: str | None
    at: datetime


class Carrier(Row, partition=("destination",), reference=True):
    """Who ships to a prefecture or country; `*` is everywhere else."""

    destination: str
    carrier: str
    transit_days: int
    revision: int = 1


class RefusedDestination(Row, partition=("destination",), reference=True):
    """A prefecture or country that is not served, as long as `refused`."""

    destination: str
    refused: bool
    reason: str
    revision: int = 1
