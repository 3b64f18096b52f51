"""What is said about stock: the catalogue, reservations, holds and replenishment."""

from datetime import datetime
from typing import Literal

from schemas.fields import (
    Amount,
    AmountAsked,
    Count,
    Currency,
    DerivedId,
    Id,
    ItemPriced,
    ItemsAsked,
    OrderId,
    Quantity,
    Text,
)
from schemas.message import Command, Event, Message, Refusal, Timer
from schemas.order import OrderFacts, OrderFailure, StopAsked


class ProductFacts(Message):
    """A product as the catalogue has it; a copy applies only a higher revision."""

    product_id: Id
    product_name: Text
    category: Id
    unit_price: Amount
    currency: Currency
    revision: Count


class ListProduct(
    Command,
    wire="odori.inventory.ListProduct.v1",
    saga="product:{product_id}",
    key="category",
    subject="product_id",
    operator=True,
):
    """Put a product on the shelves, with its first stock."""

    product_id: Id
    product_name: Text
    category: Id
    currency: Currency
    unit_price: AmountAsked
    quantity: Count
    low_stock_threshold: Count = 0


class ChangePrice(
    Command,
    wire="odori.inventory.ChangePrice.v1",
    saga="product:{product_id}",
    subject="product_id",
    minted="request_id",
    operator=True,
):
    """Sell a product at another price from now on."""

    product_id: Id
    request_id: Id
    currency: Currency
    unit_price: AmountAsked


class Replenish(
    Command,
    wire="odori.inventory.Replenish.v1",
    saga="product:{product_id}",
    subject="product_id",
    minted="request_id",
    operator=True,
):
    """More of a product has arrived."""

    product_id: Id
    request_id: Id
    quantity: Quantity


class HoldStock(
    Command,
    wire="odori.inventory.HoldStock.v1",
    saga="hold:{order_id}",
    key="order_id",
    subject="order_id",
):
    """Keep items for an order that may follow; let go by itself after a while."""

    order_id: OrderId
    customer_id: Id
    items: ItemsAsked


class CancelReservation(
    Command,
    wire="odori.inventory.CancelReservation.v1",
    saga="order_id",
    minted="request_id",
):
    """Give back what is reserved or held under this order id."""

    order_id: Id
    request_id: Id
    reason: Text = ""


class ProductListed(
    ProductFacts,
    Event,
    wire="odori.inventory.ProductListed.v2",
    saga="product:{product_id}",
    key="product_id",
    subject="product_id",
):
    """A product can be ordered; `quantity` is its first stock, which version 1 did not say."""

    quantity: Count | None

    upcasters = {1: lambda body: body | {"quantity": None}}  # noqa: RUF012


class PriceChanged(
    ProductFacts,
    Event,
    wire="odori.inventory.PriceChanged.v1",
    saga="product:{product_id}",
    key="product_id",
    subject="product_id",
):
    """A product has another price."""


class StockReplenished(
    Event,
    wire="odori.inventory.StockReplenished.v1",
    saga="product:{product_id}",
    key="category",
    subject="product_id",
):
    """There is more of a product."""

    product_id: Id
    category: Id
    request_id: Id
    quantity: Quantity
    available_quantity: int


class StockLow(
    Event,
    wire="odori.inventory.StockLow.v1",
    saga="product:{product_id}",
    key="category",
    subject="product_id",
):
    """A product fell under its threshold; said once until it is replenished over it."""

    product_id: Id
    product_name: Text
    category: Id
    available_quantity: int
    low_stock_threshold: Count


class ProductRefused(
    Refusal,
    wire="odori.inventory.ProductRefused.v1",
    saga="product:{product_id}",
    key="product_id",
    subject="product_id",
):
    """A command about a product was not carried out."""

    product_id: Id
    reason: Literal["unknown", "currency", "listed"]


class StockReserved(
    OrderFacts,
    Event,
    wire="odori.inventory.StockReserved.v1",
    saga="order_id",
    key="customer_id",
):
    """All items of the order are reserved."""

    reservation_id: DerivedId


class StockShort(OrderFailure, wire="odori.inventory.StockShort.v1", saga="order_id"):
    """At least one item is not there; none is reserved."""


class StockReleased(Event, wire="odori.inventory.StockReleased.v1", saga="order_id"):
    """What was reserved for the order is available again."""

    order_id: Id
    customer_id: Id
    reservation_id: DerivedId


class StockCommitted(Event, wire="odori.inventory.StockCommitted.v1", saga="order_id"):
    """What was reserved for the order has left the stock."""

    order_id: Id
    customer_id: Id
    reservation_id: DerivedId


class ReservationOverdue(
    StopAsked,
    Event,
    wire="odori.inventory.ReservationOverdue.v1",
    saga="order_id",
    key="shipment_partition",
):
    """A reservation has run out: the order should stop."""


class ReleaseRequested(
    StopAsked,
    Event,
    wire="odori.inventory.ReleaseRequested.v1",
    saga="order_id",
    key="shipment_partition",
):
    """Somebody wants a reservation back: the order should stop."""


class StockHeld(
    Event,
    wire="odori.inventory.StockHeld.v1",
    saga="hold:{order_id}",
    key="order_id",
    subject="order_id",
):
    """Items are kept for an order that may follow."""

    order_id: Id
    customer_id: Id
    reservation_id: DerivedId
    items: tuple[ItemPriced, ...]
    expires_at: datetime


class HoldReleased(
    Event,
    wire="odori.inventory.HoldReleased.v2",
    saga="hold:{order_id}",
    key="order_id",
    subject="order_id",
):
    """What was held is available again, or its order has taken it over (reason `ordered`).

    Version 1 did not say which items.
    """

    upcasters = {1: lambda body: body | {"items": []}}  # noqa: RUF012

    order_id: Id
    customer_id: Id
    reservation_id: DerivedId
    items: tuple[ItemPriced, ...]
    reason: Literal["expired", "cancelled", "ordered"]


class HoldRefused(
    Refusal,
    wire="odori.inventory.HoldRefused.v1",
    saga="hold:{order_id}",
    key="order_id",
    subject="order_id",
):
    """Nothing is held."""

    order_id: Id
    customer_id: Id
    reason: Literal["product", "stock", "ordered"]
    detail: Text = ""


class ReservationRefused(Refusal, wire="odori.inventory.ReservationRefused.v1", saga="order_id"):
    """There is no reservation to cancel, or not any more."""

    order_id: Id
    request_id: Id
    reason: Literal["unknown", "committed", "released"]


class ReservationDue(Timer, wire="odori.inventory.ReservationDue.v1", saga="order_id"):
    """Look whether this reservation still waits; `round` counts how often that was asked."""

    order_id: Id
    round: Count


class HoldDue(Timer, wire="odori.inventory.HoldDue.v1", saga="hold:{order_id}", subject="order_id"):
    """Let go of this hold, if nothing came of it."""

    order_id: Id
