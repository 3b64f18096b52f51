"""Order's part of the dance: place, confirm, cancel, and the copy of the catalogue."""

from domains.domain import Address, Domain
from domains.order.rows import Listing, Order, Progress, Status, Steps
from domains.order.rules import Unpriced, confirmed, ended, price
from domains.tx import Tx
from schemas.inventory import PriceChanged, ProductListed, StockReleased
from schemas.money import to_amount, to_minor
from schemas.order import (
    CancelOrder,
    CancelRefused,
    OrderCancelled,
    OrderConfirmed,
    OrderFailure,
    OrderPlaced,
    OrderRef,
    OrderRejected,
    PlaceOrder,
    PlacePricedOrder,
    StopRequested,
)
from schemas.payment import ChargeRequested, PaymentRefunded, PaymentVoided
from schemas.shipping import ShipmentArranged

domain = Domain("order")

_NEW = Steps()


def _of_placing(event: PlaceOrder | PlacePricedOrder) -> list[Address]:
    return [
        Order.address(event.customer_id, event.order_id),
        *[Listing.address(item.product_id) for item in event.items],
    ]


def _order(event: OrderRef | CancelOrder | StockReleased) -> list[Address]:
    return [Order.address(event.customer_id, event.order_id)]


@domain.step(reads=_of_placing)
def place(event: PlaceOrder | PlacePricedOrder, tx: Tx) -> OrderPlaced | OrderRejected:
    """Accept the order at the catalogue's prices."""
    listings = tx.get_many(Listing, [(item.product_id,) for item in event.items])
    priced = price(event.items, listings, event.currency)
    if isinstance(priced, Unpriced):
        return OrderRejected(
            order_id=event.order_id, customer_id=event.customer_id,
            reason=priced.reason, detail=priced.detail,
        )  # fmt: skip
    tx.put(
        Order(
            customer_id=event.customer_id, order_id=event.order_id, items=priced.items,
            total_amount=priced.total, currency=priced.currency,
            shipping_address=event.shipping_address, payment_method=event.payment_method,
            status=Status.PLACED, created_at=tx.now, updated_at=tx.now, steps=_NEW,
            listing_revisions=priced.revisions,
        )
    )  # fmt: skip
    return OrderPlaced(
        order_id=event.order_id, customer_id=event.customer_id, items=priced.items,
        amount=to_amount(priced.total, priced.currency), currency=priced.currency,
        payment_method=event.payment_method, shipping_address=event.shipping_address,
        shipment_partition=event.shipping_address.partition, category=priced.items[0].category,
    )  # fmt: skip


@domain.undo(place, reads=lambda failure, heard: _order(heard))
def withdraw(failure: OrderFailure, heard: PlaceOrder | PlacePricedOrder, tx: Tx) -> OrderCancelled:
    """The order ends: something that it needs was refused, or it was stopped."""
    order = tx.get(Order, heard.customer_id, heard.order_id)
    assert order is not None, "a placed order has a row"
    assert order.status is Status.PLACED, "only an order that has not ended can end"
    name = type(failure).__name__
    cancelled = order.but(
        status=Status.CANCELLED, reason=failure.reason, detail=failure.detail,
        steps=ended(order.steps, name, failure.reason), updated_at=tx.now, ended_at=tx.now,
        revision=order.revision + 1,
    )  # fmt: skip
    tx.put(cancelled)
    return OrderCancelled(
        **failure.ref(), failure=name, reason=failure.reason, detail=failure.detail,
        revision=cancelled.revision,
    )  # fmt: skip


@domain.step(reads=_order)
def confirm(event: ShipmentArranged, tx: Tx) -> OrderConfirmed:
    """It is shipping: the order is final."""
    order = tx.get(Order, event.customer_id, event.order_id)
    assert order is not None, "a shipment belongs to an order"
    assert order.status is Status.PLACED, "the pivot decided that this order is not taken back"
    revision = order.revision + 1
    tx.put(
        order.but(
            status=Status.CONFIRMED,
            steps=confirmed(order.steps),
            updated_at=tx.now,
            ended_at=tx.now,
            revision=revision,
        )
    )
    return event.onward(OrderConfirmed, revision=revision)


@domain.step(reads=_order, subject=lambda e: e.request_id, queues=False)
def cancel(event: CancelOrder, tx: Tx) -> StopRequested | CancelRefused:
    """Ask the pivot to stop the order; a cancel that comes before its order is refused."""
    order = tx.get(Order, event.customer_id, event.order_id)
    if order is None or order.status is not Status.PLACED:
        return CancelRefused(
            order_id=event.order_id, customer_id=event.customer_id, request_id=event.request_id,
            reason="unknown" if order is None
            else "confirmed" if order.status is Status.CONFIRMED else "cancelled",
        )  # fmt: skip
    tx.touch(order)
    return StopRequested(
        **order.ref(), request_id=event.request_id, reason="customer", detail=event.reason
    )


@domain.step(reads=_order)
def note_charging(event: ChargeRequested, tx: Tx) -> None:
    """A provider may take its time: people see meanwhile that the stock is reserved."""
    _note(event, tx, Progress.PENDING, reserve=Progress.DONE)


@domain.step(reads=_order)
def note_released(event: StockReleased, tx: Tx) -> None:
    """The stock of an order that ended is back."""
    _note(event, tx, reserve=Progress.UNDONE)


@domain.step(reads=_order)
def note_repaid(event: PaymentRefunded | PaymentVoided, tx: Tx) -> None:
    """The money of the order is back; that may happen to a confirmed order, too."""
    _note(event, tx, charge=Progress.UNDONE)


def _note(
    event: OrderRef | StockReleased, tx: Tx, only: Progress | None = None, **told: Progress
) -> None:
    """Keep what was heard; these may come in any order, before or after the order's end."""
    order = tx.get(Order, event.customer_id, event.order_id)
    assert order is not None, "only orders are reserved, charged and paid back"
    if only is None or all(getattr(order.steps, name) is only for name in told):
        steps = Steps(**{**order.steps.__dict__, **told})
        tx.put(order.but(steps=steps, updated_at=tx.now, revision=order.revision + 1))


@domain.step(
    reads=lambda e: [Listing.address(e.product_id)], subject=lambda e: f"{e.revision}", queues=False
)
def note_listing(event: ProductListed | PriceChanged, tx: Tx) -> None:
    """Copy the catalogue; what is older than the copy is ignored."""
    known = tx.get(Listing, event.product_id)
    if known is None or event.revision > known.revision:
        tx.put(
            Listing(
                product_id=event.product_id, product_name=event.product_name,
                category=event.category, currency=event.currency, revision=event.revision,
                unit_price=to_minor(event.unit_price, event.currency),
            )
        )  # fmt: skip
