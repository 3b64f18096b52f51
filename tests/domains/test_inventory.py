"""Inventory: all or nothing; released by failures, committed at the end, asked back by time."""

from datetime import timedelta

import pytest

from domains.inventory.rows import Reservation, Status, Stock
from schemas.fields import ItemPriced
from schemas.inventory import (
    CancelReservation,
    ReleaseRequested,
    ReservationOverdue,
    ReservationRefused,
    StockCommitted,
    StockLow,
    StockReleased,
    StockReserved,
    StockShort,
)
from schemas.order import OrderConfirmed, OrderPlaced
from schemas.payment import PaymentDeclined
from schemas.shipping import ShipmentRefused
from streams.rows import TimerDue
from tests.given import NOW, Stage
from tests.trade import ORDER, RESERVATION_TTL, event, facts_of, shelves, stock


@pytest.fixture
def store() -> Stage:
    return Stage("inventory", *shelves(available=10))


@pytest.fixture
def reserved(store: Stage) -> Stage:
    store.when(event(OrderPlaced))
    return store


def units(stage: Stage, product: str = "tea") -> tuple[int, int, int, int]:
    """On hand, reserved, available, committed."""
    [row] = [row for row in stage.rows(Stock) if row.product_id == product]
    return row.quantity, row.reserved_quantity, row.available_quantity, row.committed


def test_an_order_over_two_categories_is_reserved_in_one_pass(store: Stage) -> None:
    [said] = store.when(event(OrderPlaced))
    assert isinstance(said, StockReserved)
    assert facts_of(said) == ORDER
    assert (units(store, "tea"), units(store, "rice")) == ((10, 2, 8, 0), (10, 1, 9, 0))
    row = store.one(Reservation)
    assert (row.status, row.reservation_id, row.expires_at) == (
        Status.RESERVED, "R-O-1", NOW + RESERVATION_TTL,
    )  # fmt: skip
    assert store.passes == 1


def test_one_line_that_is_short_reserves_nothing(store: Stage) -> None:
    items = (*ORDER["items"], ItemPriced(
        product_id="miso", quantity=11, category="condiments", unit_price="3.25"
    ))  # fmt: skip
    [said] = store.when(event(OrderPlaced, items=items))
    assert isinstance(said, StockShort)
    assert (said.reason, said.detail) == ("stock", "product miso: 11 wanted, 10 available")
    assert units(store) == (10, 0, 10, 0)
    assert store.rows(Reservation) == []


def test_a_product_that_is_not_there_is_short(store: Stage) -> None:
    gold = ItemPriced(product_id="gold", quantity=1, category="metals", unit_price="1.00")
    [said] = store.when(event(OrderPlaced, items=(gold,)))
    assert isinstance(said, StockShort)


def test_the_same_product_on_two_lines_is_summed(store: Stage) -> None:
    tea = ORDER["items"][0].model_copy(update={"quantity": 6})
    [said] = store.when(event(OrderPlaced, items=(tea, tea)))
    assert isinstance(said, StockShort)
    five = tea.model_copy(update={"quantity": 5})
    store.when(event(OrderPlaced, order_id="O-2", items=(five, five)))
    assert units(store) == (10, 10, 0, 0)
    store.when(event(PaymentDeclined, order_id="O-2"))
    assert units(store) == (10, 0, 10, 0)


def test_two_orders_of_one_batch_are_both_counted_and_never_oversold(store: Stage) -> None:
    six = (ORDER["items"][0].model_copy(update={"quantity": 6}),)
    said = store.when(event(OrderPlaced, items=six), event(OrderPlaced, order_id="O-2", items=six))
    assert [type(message) for message in said] == [StockReserved, StockShort]
    assert units(store) == (10, 6, 4, 0)


@pytest.mark.parametrize("failure", [PaymentDeclined, ShipmentRefused])
def test_a_failure_releases_everything_and_forgets_the_timer(
    reserved: Stage, failure: type[PaymentDeclined | ShipmentRefused]
) -> None:
    [said] = reserved.when(event(failure))
    assert isinstance(said, StockReleased)
    assert (units(reserved), units(reserved, "rice")) == ((10, 0, 10, 0), (10, 0, 10, 0))
    assert reserved.one(Reservation).status is Status.RELEASED
    assert reserved.rows(TimerDue) == []
    assert reserved.passes == 1


@pytest.mark.parametrize("together", [True, False])
def test_a_failure_that_overtakes_its_order_leaves_nothing_held(
    store: Stage, together: bool
) -> None:
    if together:
        store.when(event(ShipmentRefused), event(OrderPlaced))
    else:
        store.when(event(ShipmentRefused))
        store.when(event(OrderPlaced))
    assert units(store) == (10, 0, 10, 0)
    assert not store.rows(Reservation)
    assert not store.rows(TimerDue)


def test_a_failure_right_behind_its_order_in_one_batch_releases_it(store: Stage) -> None:
    said = store.when(event(OrderPlaced), event(ShipmentRefused))
    assert [type(message) for message in said] == [StockReserved, StockReleased]
    assert units(store) == (10, 0, 10, 0)


def test_a_confirmed_order_leaves_the_stock_and_its_timer_is_gone(reserved: Stage) -> None:
    said = reserved.when(event(OrderConfirmed))
    assert [type(message) for message in said] == [StockCommitted]
    assert units(reserved) == (8, 0, 8, 2)
    assert reserved.one(Reservation).status is Status.COMMITTED
    assert reserved.rows(TimerDue) == []
    assert reserved.passes == 1


def test_running_low_is_said_once_until_there_is_enough_again() -> None:
    store = Stage("inventory", stock("tea", 10, low_stock_threshold=9), stock("rice", 10))
    store.when(event(OrderPlaced), event(OrderPlaced, order_id="O-2"))
    said = store.when(event(OrderConfirmed), event(OrderConfirmed, order_id="O-2"))
    [low] = [message for message in said if isinstance(message, StockLow)]
    assert (low.product_id, low.available_quantity, low.low_stock_threshold) == ("tea", 6, 9)


def test_a_reservation_that_waits_too_long_asks_the_pivot_and_keeps_the_stock(
    reserved: Stage,
) -> None:
    assert reserved.later(RESERVATION_TTL - timedelta(seconds=1)) == []
    [said] = reserved.later(timedelta(seconds=1))
    assert isinstance(said, ReservationOverdue)
    assert (said.reason, said.shipment_partition, said.amount) == ("expired", "Tokyo", "21.00")
    assert units(reserved) == (10, 2, 8, 0)


def test_a_reservation_asks_again_until_it_is_answered(reserved: Stage) -> None:
    first, second = reserved.later(RESERVATION_TTL) + reserved.later(RESERVATION_TTL)
    assert isinstance(first, ReservationOverdue)
    assert isinstance(second, ReservationOverdue)
    assert first.request_id != second.request_id
    reserved.when(event(ShipmentRefused, reason="expired"))
    assert reserved.later(RESERVATION_TTL) == []
    assert units(reserved) == (10, 0, 10, 0)


def test_due_times_count_from_the_batch_so_that_a_backlog_does_not_expire_at_once(
    store: Stage,
) -> None:
    store.later(timedelta(hours=1))  # OrderPlaced waited for an hour
    store.when(event(OrderPlaced))
    assert store.later(timedelta(0)) == []
    assert store.one(Reservation).expires_at == NOW + timedelta(hours=1) + RESERVATION_TTL


def test_a_timer_that_meets_a_committed_reservation_does_nothing(reserved: Stage) -> None:
    [timer] = reserved.rows(TimerDue)
    reserved.when(event(OrderConfirmed))
    late = Stage("inventory", *reserved.rows(Stock), *reserved.rows(Reservation), timer)
    assert late.later(RESERVATION_TTL) == []
    assert late.rows(TimerDue) == []


def test_cancelling_a_reservation_of_an_order_asks_the_pivot(reserved: Stage) -> None:
    [said] = reserved.when(CancelReservation(order_id="O-1", request_id="r9", reason="mistake"))
    assert isinstance(said, ReleaseRequested)
    assert (said.request_id, said.reason, said.detail, said.currency) == (
        "r9", "reservation", "mistake", "USD",
    )  # fmt: skip
    assert units(reserved) == (10, 2, 8, 0)


@pytest.mark.parametrize(
    ("ending", "reason"), [(OrderConfirmed, "committed"), (ShipmentRefused, "released")]
)
def test_cancelling_a_reservation_that_ended_is_refused(
    reserved: Stage, ending: type[OrderConfirmed | ShipmentRefused], reason: str
) -> None:
    reserved.when(event(ending))
    [said] = reserved.when(CancelReservation(order_id="O-1", request_id="r9"))
    assert isinstance(said, ReservationRefused)
    assert said.reason == reason


def test_cancelling_a_reservation_too_early_is_refused_and_works_later(store: Stage) -> None:
    [said] = store.when(CancelReservation(order_id="O-1", request_id="r9"))
    assert isinstance(said, ReservationRefused)
    assert said.reason == "unknown"
    store.when(event(OrderPlaced))
    [asked] = store.when(CancelReservation(order_id="O-1", request_id="r10"))
    assert isinstance(asked, ReleaseRequested)


def test_an_order_of_a_hundred_lines_needs_one_pass(store: Stage) -> None:
    kinds = ("tea", "drinks"), ("rice", "grains"), ("miso", "condiments")
    items = tuple(
        ItemPriced(product_id=kinds[n % 3][0], quantity=1, category=kinds[n % 3][1],
                   unit_price="1.00")
        for n in range(100)
    )  # fmt: skip
    plenty = Stage("inventory", *shelves(available=1000))
    assert isinstance(plenty.when(event(OrderPlaced, items=items))[0], StockReserved)
    assert plenty.passes == 1
