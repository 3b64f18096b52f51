"""Inventory's part of the dance: reserve and release, commit, and what runs out."""

from datetime import timedelta

from domains.domain import Address
from domains.inventory import catalogue, domain, holds
from domains.inventory.rows import Reservation, Status, Stock
from domains.inventory.rules import RESERVATION_SECONDS, less, shortage, units
from domains.tx import Tx
from schemas.inventory import (
    CancelReservation,
    HoldReleased,
    ReleaseRequested,
    ReservationDue,
    ReservationOverdue,
    ReservationRefused,
    StockCommitted,
    StockLow,
    StockReleased,
    StockReserved,
    StockShort,
)
from schemas.message import Failure
from schemas.money import to_minor
from schemas.order import OrderConfirmed, OrderFacts, OrderPlaced

__all__ = ["catalogue", "domain", "holds"]

#: It does not say by whom.
HELD_BY_ANOTHER = "another customer holds stock under this order id; order under another one"


def _of_order(event: OrderFacts) -> list[Address]:
    return [
        Reservation.address(event.order_id),
        *[Stock.address(item.category, item.product_id) for item in event.items],
    ]


@domain.step(reads=_of_order)
def reserve(
    event: OrderPlaced, tx: Tx, *, reservation_seconds: int = RESERVATION_SECONDS
) -> list[StockReserved | HoldReleased] | StockShort:
    """Reserve all items or none; the customer's own hold for this order is taken over.

    Somebody else's hold is kept for who holds it: the order id is taken, and the order ends.
    """
    earlier = tx.get(Reservation, event.order_id)
    held = earlier if earlier is not None and earlier.status is Status.HELD else None
    if held is not None and held.customer_id != event.customer_id:
        return StockShort(**event.ref(), reason="held", detail=HELD_BY_ANOTHER)
    wanted = units(event.items)
    if held is not None:
        wanted = less(wanted, units(held.items))
    stocks = tx.get_many(Stock, wanted)
    short = shortage(wanted, stocks)
    if short:
        return StockShort(**event.ref(), reason="stock", detail=short)
    for key, count in wanted.items():
        tx.put(stocks[key].reserving(count, tx.now))
    said: list[StockReserved | HoldReleased] = []
    if held is not None:
        holds.forget(held, tx)
        said.append(holds.released(held, "ordered"))
    due = tx.now + timedelta(seconds=reservation_seconds)
    reservation = Reservation(
        order_id=event.order_id, reservation_id=f"R-{event.order_id}",
        customer_id=event.customer_id, items=event.items, status=Status.RESERVED,
        expires_at=due, created_at=tx.now, amount=to_minor(event.amount, event.currency),
        currency=event.currency, payment_method=event.payment_method,
        shipment_partition=event.shipment_partition,
    )  # fmt: skip
    tx.put(reservation)
    tx.remind(ReservationDue(order_id=event.order_id, round=1), due)
    return [event.onward(StockReserved, reservation_id=reservation.reservation_id), *said]


@domain.undo(reserve, reads=lambda failure, heard: _of_order(heard))
def release(failure: Failure, heard: OrderPlaced, tx: Tx) -> StockReleased:
    """The order ended: its items are available again."""
    reservation = tx.get(Reservation, heard.order_id)
    assert reservation is not None, "what was reserved has a row"
    assert reservation.status is Status.RESERVED, "the pivot lets nothing be both kept and released"
    _forget(reservation, tx)
    holds.give_back(reservation, Status.RELEASED, tx)
    return StockReleased(
        order_id=heard.order_id, customer_id=heard.customer_id,
        reservation_id=reservation.reservation_id,
    )  # fmt: skip


@domain.step(reads=_of_order)
def commit(event: OrderConfirmed, tx: Tx) -> list[StockCommitted | StockLow]:
    """The items leave; whoever orders more is told once when a product runs low."""
    reservation = tx.get(Reservation, event.order_id)
    assert reservation is not None, "a confirmed order was reserved"
    assert reservation.status is Status.RESERVED, "a confirmed order is not released"
    wanted = units(reservation.items)
    stocks = tx.get_many(Stock, wanted)
    announced: list[StockCommitted | StockLow] = [
        StockCommitted(
            order_id=event.order_id, customer_id=event.customer_id,
            reservation_id=reservation.reservation_id,
        )
    ]  # fmt: skip
    for key, count in wanted.items():
        stock = stocks[key]
        low = stock.available_quantity < stock.low_stock_threshold
        if low and not stock.low:
            announced.append(_running_low(stock))
        tx.put(
            stock.but(
                quantity=stock.quantity - count, committed=stock.committed + count, low=low,
                reserved_quantity=stock.reserved_quantity - count, last_updated=tx.now,
            )
        )  # fmt: skip
    _forget(reservation, tx)
    tx.put(reservation.but(status=Status.COMMITTED))
    return announced


@domain.step(
    reads=lambda e: [Reservation.address(e.order_id)], subject=lambda e: f"{e.round}", queues=False
)
def expire(
    event: ReservationDue, tx: Tx, *, reservation_seconds: int = RESERVATION_SECONDS
) -> ReservationOverdue | None:
    """A reservation still waits: ask the pivot to stop its order, and look again later.

    The timer is set again as long as the row says RESERVED. An order that is stopped releases it,
    one that is shipping commits it; if the message that would do so is stuck, each further round
    asks the pivot again under a request of its own, which answers from its row. So no stock is kept
    by a race that was lost or an answer that never came.
    """
    reservation = tx.get(Reservation, event.order_id)
    if reservation is None or reservation.status is not Status.RESERVED:
        return None
    span, again = timedelta(seconds=reservation_seconds), event.round + 1
    due = tx.now + span
    tx.put(reservation.but(expires_at=due, round=again))
    tx.remind(ReservationDue(order_id=event.order_id, round=again), due)
    return ReservationOverdue(
        **reservation.ref(), request_id=f"overdue-{event.round}", reason="expired",
        detail=f"not shipping {span * event.round} after it was reserved",
    )  # fmt: skip


@domain.step(
    reads=lambda e: [Reservation.address(e.order_id)], subject=lambda e: e.request_id, queues=False
)
def cancel_reservation(
    event: CancelReservation, tx: Tx
) -> HoldReleased | ReleaseRequested | ReservationRefused:
    """Let go of a hold at once; what an order reserved is for the pivot to decide."""
    reservation = tx.get(Reservation, event.order_id)
    if reservation is not None and reservation.status is Status.HELD:
        return holds.let_go(reservation, Status.RELEASED, tx)
    if reservation is None or reservation.status is not Status.RESERVED:
        return ReservationRefused(
            order_id=event.order_id, request_id=event.request_id,
            reason="unknown" if reservation is None
            else "committed" if reservation.status is Status.COMMITTED else "released",
        )  # fmt: skip
    tx.touch(reservation)
    return ReleaseRequested(
        **reservation.ref(), request_id=event.request_id, reason="reservation", detail=event.reason
    )


def _forget(reservation: Reservation, tx: Tx) -> None:
    due = ReservationDue(order_id=reservation.order_id, round=reservation.round)
    tx.forget(due, reservation.expires_at)


def _running_low(stock: Stock) -> StockLow:
    return StockLow(
        product_id=stock.product_id, product_name=stock.product_name, category=stock.category,
        available_quantity=stock.available_quantity, low_stock_threshold=stock.low_stock_threshold,
    )  # fmt: skip
