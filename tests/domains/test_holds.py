"""Holds: stock kept without an order, taken over by the order of the same id, let go by time."""

import pytest

from domains.inventory.rows import Reservation, Status, Stock
from schemas.fields import ItemAsked
from schemas.inventory import (
    CancelReservation,
    HoldRefused,
    HoldReleased,
    HoldStock,
    ReservationOverdue,
    StockHeld,
    StockReserved,
    StockShort,
)
from schemas.order import OrderPlaced
from schemas.shipping import ShipmentRefused
from streams.delivery import Result
from streams.rows import TimerDue
from tests.given import NOW, Stage
from tests.trade import HOLD_DURATION, ORDER, RESERVATION_TTL, event, shelves


def hold(product: str = "tea", quantity: int = 2) -> HoldStock:
    items = (ItemAsked(product_id=product, quantity=quantity),)
    return HoldStock(order_id="O-1", customer_id="ann", items=items)


@pytest.fixture
def store() -> Stage:
    return Stage("inventory", *shelves(available=10))


@pytest.fixture
def held(store: Stage) -> Stage:
    store.when(hold(quantity=4))
    return store


def reserved_units(stage: Stage) -> dict[str, int]:
    return {row.product_id: row.reserved_quantity for row in stage.rows(Stock)}


def test_a_hold_keeps_stock_for_a_while(store: Stage) -> None:
    [said] = store.when(hold(quantity=4))
    assert isinstance(said, StockHeld)
    assert (said.expires_at, said.items[0].category) == (NOW + HOLD_DURATION, "drinks")
    assert reserved_units(store) == {"tea": 4, "rice": 0, "miso": 0}
    assert store.one(Reservation).status is Status.HELD
    assert store.passes <= 2


@pytest.mark.parametrize(
    ("command", "reason", "detail"),
    [
        (hold("gold"), "product", "line 1: no product gold"),
        (hold(quantity=11), "stock", "product tea: 11 wanted, 10 available"),
    ],
)
def test_a_hold_that_cannot_be_kept_is_refused_and_holds_nothing(
    store: Stage, command: HoldStock, reason: str, detail: str
) -> None:
    [said] = store.when(command)
    assert isinstance(said, HoldRefused)
    assert (said.reason, said.detail) == (reason, detail)
    assert store.rows(Reservation) == []


def test_a_hold_is_let_go_when_its_time_is_over(held: Stage) -> None:
    [said] = held.later(HOLD_DURATION)
    assert isinstance(said, HoldReleased)
    assert said.reason == "expired"
    assert reserved_units(held) == {"tea": 0, "rice": 0, "miso": 0}
    assert held.one(Reservation).status is Status.EXPIRED
    assert held.rows(TimerDue) == []


def test_a_hold_is_let_go_by_a_command_and_its_timer_is_forgotten(held: Stage) -> None:
    [said] = held.when(CancelReservation(order_id="O-1", request_id="r1"))
    assert isinstance(said, HoldReleased)
    assert said.reason == "cancelled"
    assert reserved_units(held) == {"tea": 0, "rice": 0, "miso": 0}
    assert held.rows(TimerDue) == []


def test_the_order_of_a_hold_takes_it_over_so_that_stock_is_kept_once(held: Stage) -> None:
    [said, released] = held.when(event(OrderPlaced))
    assert isinstance(said, StockReserved)
    assert isinstance(released, HoldReleased)
    assert released.reason == "ordered"
    assert reserved_units(held) == {"tea": 2, "rice": 1, "miso": 0}
    assert held.one(Reservation).status is Status.RESERVED
    [overdue] = held.later(RESERVATION_TTL)  # the order's own timer; that of the hold is gone
    assert isinstance(overdue, ReservationOverdue)
    held.when(event(ShipmentRefused))
    assert reserved_units(held) == {"tea": 0, "rice": 0, "miso": 0}


def test_an_order_of_another_customer_ends_and_the_hold_stays_with_its_owner(held: Stage) -> None:
    before = held.one(Reservation)
    [said] = held.when(event(OrderPlaced, customer_id="eve"))
    assert isinstance(said, StockShort)
    assert (said.customer_id, said.reason) == ("eve", "held")
    assert "another customer" in said.detail
    assert "ann" not in said.detail
    assert held.one(Reservation) == before
    assert reserved_units(held) == {"tea": 4, "rice": 0, "miso": 0}
    [released] = held.later(HOLD_DURATION)
    assert isinstance(released, HoldReleased)
    assert reserved_units(held)["tea"] == 0


def test_an_order_may_need_what_its_own_hold_keeps(store: Stage) -> None:
    store.when(hold(quantity=10))
    ten = (ORDER["items"][0].model_copy(update={"quantity": 10}),)
    [said, _] = store.when(event(OrderPlaced, items=ten))
    assert isinstance(said, StockReserved)
    assert reserved_units(store) == {"tea": 10, "rice": 0, "miso": 0}


def test_an_order_that_is_short_leaves_its_hold_to_its_timer(held: Stage) -> None:
    eleven = (ORDER["items"][0].model_copy(update={"quantity": 11}),)
    [said] = held.when(event(OrderPlaced, items=eleven))
    assert isinstance(said, StockShort)
    assert reserved_units(held)["tea"] == 4
    held.later(HOLD_DURATION)
    assert reserved_units(held)["tea"] == 0


def test_a_hold_of_another_order_is_not_touched(held: Stage) -> None:
    seven = (ORDER["items"][0].model_copy(update={"quantity": 7}),)
    [said] = held.when(event(OrderPlaced, order_id="O-2", items=seven))
    assert isinstance(said, StockShort)


@pytest.mark.parametrize("ended", [True, False])
def test_a_hold_that_comes_after_its_order_is_refused(store: Stage, ended: bool) -> None:
    store.when(event(OrderPlaced))
    if ended:
        store.when(event(ShipmentRefused))
    before = reserved_units(store)
    [said] = store.when(hold())
    assert isinstance(said, HoldRefused)
    assert said.reason == "ordered"
    assert reserved_units(store) == before


def test_a_hold_and_its_order_in_one_batch_keep_stock_once(store: Stage) -> None:
    said = store.when(hold(quantity=4), event(OrderPlaced))
    assert [type(message) for message in said] == [StockHeld, StockReserved, HoldReleased]
    assert reserved_units(store) == {"tea": 2, "rice": 1, "miso": 0}


def test_the_same_hold_again_is_dropped_and_another_body_clashes(held: Stage) -> None:
    held.when(hold(quantity=4))
    assert held.results() == [Result.REPEAT]
    held.when(hold(quantity=5))
    assert held.results() == [Result.CLASH]
    assert reserved_units(held)["tea"] == 4
