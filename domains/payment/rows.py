"""Payments, what became of them over time, and wallets."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import JsonValue

from domains.row import Minor, Row
from schemas.fields import Address, ItemPriced
from schemas.money import to_amount


class Status(StrEnum):
    """REQUESTED, VOIDING and REFUNDING wait for a provider; the others are answers.

    REQUESTED -> COMPLETED or DECLINED; REQUESTED -> VOIDING -> VOIDED, or REFUNDING if it turns out
    to be charged; COMPLETED -> REFUNDING -> REFUNDED by card, COMPLETED -> REFUNDED by wallet.
    """

    REQUESTED = "REQUESTED"
    COMPLETED = "COMPLETED"
    DECLINED = "DECLINED"
    VOIDING = "VOIDING"
    VOIDED = "VOIDED"
    REFUNDING = "REFUNDING"
    REFUNDED = "REFUNDED"


class Payment(Row, partition=("customer_id",), clustering=("order_id",)):
    """The payment of one order.

    `attempted`: a connector may have called its provider; `request`: 1 while charging, 2 while
    paying back. What follows `revision` is kept only while a provider answers, for what comes next.
    """

    customer_id: str
    order_id: str
    payment_id: str
    amount: Minor
    currency: str
    payment_method: str
    shipment_partition: str
    status: Status
    transaction_id: str | None = None
    processed_at: datetime | None = None
    provider_response: dict[str, JsonValue] | None = None
    attempted: bool = False
    request: int = 1
    created_at: datetime
    revision: int = 1
    items: tuple[ItemPriced, ...] | None = None
    shipping_address: Address | None = None
    category: str | None = None

    def ref(self) -> dict[str, Any]:
        """The order's reference, as arguments of a message."""
        return {
            "order_id": self.order_id,
            "customer_id": self.customer_id,
            "amount": to_amount(self.amount, self.currency),
            "currency": self.currency,
            "payment_method": self.payment_method,
            "shipment_partition": self.shipment_partition,
        }

    def facts(self) -> dict[str, Any]:
        """The order's facts, as arguments of a message; only of a payment by card."""
        return self.ref() | {
            "items": self.items,
            "shipping_address": self.shipping_address,
            "category": self.category,
        }


class PaymentHistory(Row, partition=("customer_id",), clustering=("order_id", "number")):
    """A payment before and after each change; `number` is its revision then. A payment that never
    changed has none: its row says all."""

    customer_id: str
    order_id: str
    number: int
    payment_id: str
    status: Status
    amount: Minor
    currency: str
    transaction_id: str | None
    at: datetime


class Wallet(Row, partition=("customer_id",)):
    """One customer's money. The books: opening + topped_up + refunded = balance + charged."""

    customer_id: str
    balance: Minor
    currency: str
    last_updated: datetime
    opening: Minor = 0
    topped_up: Minor = 0
    refunded: Minor = 0
    charged: Minor = 0
    revision: int = 1
