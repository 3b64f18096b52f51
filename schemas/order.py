"""What is said about orders, and the facts of an order that every later event carries along."""

from operator import itemgetter
from typing import Any, Literal, TypeVar

from pydantic import ValidationInfo, field_validator

from schemas.fields import (
    Address,
    Amount,
    Count,
    Currency,
    Id,
    ItemQuoted,
    Items,
    ItemsAsked,
    ItemsQuoted,
    OrderId,
    PaymentMethod,
    Text,
    built,
    fitting,
)
from schemas.message import Command, Event, Failure, Message, Refusal

E = TypeVar("E", bound="OrderFacts")


class OrderRef(Message):
    """What people and the pivot need to know of an order, whatever happened to it."""

    order_id: Id
    customer_id: Id
    amount: Amount
    currency: Currency
    payment_method: PaymentMethod
    shipment_partition: Id

    def ref(self) -> dict[str, Any]:
        """The reference as arguments of another message."""
        return dict(zip(_REF, _pick_ref(self.__dict__), strict=True))


class OrderFacts(OrderRef):
    """All that the steps of an order need, so that each names its rows from the event alone."""

    items: Items
    shipping_address: Address
    category: Id

    def onward(self, event: type[E], **own: Any) -> E:
        """The next event of this order: the facts that came with this one, and its own fields."""
        return built(event, dict(zip(_FACTS, _pick_facts(self.__dict__), strict=True)) | own)


_REF = tuple(OrderRef.model_fields)
_FACTS = tuple(OrderFacts.model_fields)
_pick_ref, _pick_facts = itemgetter(*_REF), itemgetter(*_FACTS)


class OrderFailure(OrderRef, Failure):
    """A failure of an order: why in a word, and in a sentence."""

    reason: Id
    detail: Text = ""


class StopAsked(OrderRef):
    """A wish to stop an order; heard only by the pivot, which decides."""

    request_id: Id
    reason: Literal["customer", "expired", "reservation", "payment"]
    detail: Text = ""


class PlaceOrder(
    Command,
    wire="odori.order.PlaceOrder.v1",
    saga="order_id",
    key="customer_id",
    minted="order_id",
):
    """Order these items; prices and categories are the catalogue's to say."""

    order_id: OrderId
    customer_id: Id
    items: ItemsAsked
    shipping_address: Address
    payment_method: PaymentMethod
    currency: Currency | None = None


class PlacePricedOrder(
    Command,
    wire="odori.order.PlacePricedOrder.v1",
    saga="order_id",
    key="customer_id",
    minted="order_id",
    operator=True,
):
    """Order at prices of its own, as history had them; only the operator's tools may."""

    order_id: OrderId
    customer_id: Id
    currency: Currency
    items: ItemsQuoted
    shipping_address: Address
    payment_method: PaymentMethod

    @field_validator("items")
    @classmethod
    def _prices_fit(
        cls, items: tuple[ItemQuoted, ...], info: ValidationInfo
    ) -> tuple[ItemQuoted, ...]:
        for item in items:
            fitting(item.unit_price, info)
        return items


class CancelOrder(
    Command,
    wire="odori.order.CancelOrder.v1",
    saga="order_id",
    key="customer_id",
    minted="request_id",
):
    """Take this order back, if it is not shipping yet."""

    order_id: Id
    customer_id: Id
    request_id: Id
    reason: Text = ""


class OrderPlaced(
    OrderFacts, Event, wire="odori.order.OrderPlaced.v1", saga="order_id", key="category"
):
    """The order is accepted and priced."""


class OrderRejected(
    Refusal, wire="odori.order.OrderRejected.v1", saga="order_id", key="customer_id"
):
    """The order was not accepted; nothing of it is kept."""

    order_id: Id
    customer_id: Id
    reason: Literal["product", "currency", "total"]
    detail: Text


class OrderConfirmed(
    OrderFacts, Event, wire="odori.order.OrderConfirmed.v1", saga="order_id", key="category"
):
    """Reserved, paid and shipping: the order is final."""

    revision: Count


class OrderCancelled(
    OrderRef, Event, wire="odori.order.OrderCancelled.v1", saga="order_id", key="customer_id"
):
    """The order ended without being shipped; `failure` is the message that ended it."""

    failure: Id
    reason: Id
    detail: Text = ""
    revision: Count


class StopRequested(
    StopAsked,
    Event,
    wire="odori.order.StopRequested.v1",
    saga="order_id",
    key="shipment_partition",
):
    """The customer wants the order stopped."""


class CancelRefused(
    Refusal, wire="odori.order.CancelRefused.v1", saga="order_id", key="customer_id"
):
    """There is nothing to cancel, or not any more."""

    order_id: Id
    customer_id: Id
    request_id: Id
    reason: Literal["unknown", "confirmed", "cancelled"]
