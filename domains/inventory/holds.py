"""Holds: stock kept for an order that may follow, charged to nobody, let go by itself."""

from datetime import timedelta
from typing import Literal

from domains.domain import Address
from domains.inventory import domain
from domains.inventory.rows import Reservation, Shelf, Status, Stock
from domains.inventory.rules import HOLD_SECONDS, shortage, units
from domains.row import RowKey
from domains.tx import Tx
from schemas.fields import ItemAsked, ItemPriced
from schemas.inventory import HoldDue, HoldRefused, HoldReleased, HoldStock, StockHeld
from schemas.money import to_amount

Reason = Literal["product", "stock", "ordered"]
End = Literal["expired", "cancelled", "ordered"]


def _of_hold(event: HoldStock) -> list[Address]:
    return [
        Reservation.address(event.order_id),
        *[Shelf.address(item.product_id) for item in event.items],
    ]


@domain.step(reads=_of_hold)
def hold(event: HoldStock, tx: Tx, *, hold_seconds: int = HOLD_SECONDS) -> StockHeld | HoldRefused:
    """Hold all items or none; an order of this id, even an ended one, leaves nothing to hold."""
    shelves = tx.get_many(Shelf, [(item.product_id,) for item in event.items])
    if tx.get(Reservation, event.order_id) is not None:
        return _refused(event, "ordered")
    for line, item in enumerate(event.items, start=1):
        if (item.product_id,) not in shelves:
            return _refused(event, "product", f"line {line}: no product {item.product_id}")
    keys = {(shelf.category, shelf.product_id) for shelf in shelves.values()}
    stocks = tx.get_many(Stock, sorted(keys))
    items = tuple(_priced(item, shelves, stocks) for item in event.items)
    wanted = units(items)
    short = shortage(wanted, stocks)
    if short:
        return _refused(event, "stock", short)
    for key, count in wanted.items():
        tx.put(stocks[key].reserving(count, tx.now))
    due = tx.now + timedelta(seconds=hold_seconds)
    held = Reservation(
        order_id=event.order_id, reservation_id=f"R-{event.order_id}",
        customer_id=event.customer_id, items=items, status=Status.HELD, expires_at=due,
        created_at=tx.now,
    )  # fmt: skip
    tx.put(held)
    tx.remind(HoldDue(order_id=event.order_id), due)
    return StockHeld(
        order_id=held.order_id, customer_id=held.customer_id, items=items, expires_at=due,
        reservation_id=held.reservation_id,
    )  # fmt: skip


@domain.step(reads=lambda e: [Reservation.address(e.order_id)], queues=False)
def expire_hold(event: HoldDue, tx: Tx) -> HoldReleased | None:
    """No order came: let go, unless an order took the hold over meanwhile."""
    held = tx.get(Reservation, event.order_id)
    if held is None or held.status is not Status.HELD:
        return None
    return let_go(held, Status.EXPIRED, tx)


def let_go(held: Reservation, status: Status, tx: Tx) -> HoldReleased:
    """End a hold."""
    forget(held, tx)
    give_back(held, status, tx)
    return released(held, "expired" if status is Status.EXPIRED else "cancelled")


def released(held: Reservation, reason: End) -> HoldReleased:
    """What is said when a hold ends."""
    return HoldReleased(
        order_id=held.order_id, customer_id=held.customer_id, reservation_id=held.reservation_id,
        items=held.items, reason=reason,
    )  # fmt: skip


def forget(held: Reservation, tx: Tx) -> None:
    """Take back the timer of a hold."""
    tx.forget(HoldDue(order_id=held.order_id), held.expires_at)


def give_back(reservation: Reservation, status: Status, tx: Tx) -> None:
    """Make what is kept available again; the reservation ends in `status`."""
    kept = units(reservation.items)
    stocks = tx.get_many(Stock, kept)
    for key, count in kept.items():
        tx.put(stocks[key].reserving(-count, tx.now))
    tx.put(reservation.but(status=status))


def _priced(
    item: ItemAsked, shelves: dict[RowKey, Shelf], stocks: dict[RowKey, Stock]
) -> ItemPriced:
    stock = stocks[shelves[(item.product_id,)].category, item.product_id]
    return ItemPriced(
        product_id=item.product_id, quantity=item.quantity, category=stock.category,
        unit_price=to_amount(stock.unit_price, stock.currency),
    )  # fmt: skip


def _refused(event: HoldStock, reason: Reason, detail: str = "") -> HoldRefused:
    return HoldRefused(
        order_id=event.order_id, customer_id=event.customer_id, reason=reason, detail=detail
    )
