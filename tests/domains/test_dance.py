"""All four domains together: every outcome, the races between them, and the books at rest."""

from datetime import timedelta
from typing import Any

import pytest

from domains.order.rows import Order
from domains.payment.rows import Payment
from schemas.fields import ItemAsked
from schemas.inventory import (
    CancelReservation,
    HoldReleased,
    HoldStock,
    ReservationOverdue,
    StockCommitted,
)
from schemas.order import OrderCancelled, OrderConfirmed
from schemas.payment import (
    ChargeRequested,
    PaymentCompleted,
    PaymentRefunded,
    RefundPayment,
    RefundRequested,
    SettleCharge,
    VoidRequested,
)
from schemas.shipping import ShipmentArranged, ShipmentRefused, StopRefused
from tests.given import Dance
from tests.shop import cancel, check_the_books, connect, shop
from tests.trade import ATLANTIS, COMMERCE, HOLD_DURATION, RESERVATION_TTL, place


def outcome(dance: Dance, order_id: str = "O-1") -> tuple[str, str | None]:
    order = next(o for o in dance.stages["order"].rows(Order) if o.order_id == order_id)
    return order.status, order.reason


def test_an_order_dances_to_its_end_in_six_deliveries() -> None:
    dance = shop()
    dance.send(place())
    dance.run()
    assert outcome(dance) == ("CONFIRMED", None)
    assert len([said for said in dance.said if said.spec.domain in COMMERCE]) == 6
    assert len(dance.heard(StockCommitted)) == 1
    check_the_books(dance)


@pytest.mark.parametrize(
    ("dance", "reason"),
    [
        (shop(available=1), "stock"),
        (shop(balance=5), "funds"),
        (shop(), "destination"),
    ],
)
def test_every_failure_of_the_matrix_takes_everything_back(dance: Dance, reason: str) -> None:
    dance.send(place(shipping_address=ATLANTIS))
    dance.run()
    assert outcome(dance) == ("CANCELLED", reason)
    check_the_books(dance)


def test_a_reservation_that_ran_out_while_payment_was_down_is_neither_charged_nor_shipped() -> None:
    dance = shop()
    dance.down.add("payment")
    dance.send(place())
    dance.run()
    dance.later(timedelta(minutes=20))
    assert len(dance.heard(ReservationOverdue)) == 1
    assert outcome(dance) == ("CANCELLED", "expired")
    dance.waiting["payment"].sort(key=lambda m: not isinstance(m, ShipmentRefused))
    dance.down.clear()
    dance.run()
    assert not dance.heard(PaymentCompleted)
    assert not dance.heard(ShipmentArranged)
    check_the_books(dance)


def test_payment_that_hears_of_the_stop_last_gives_back_what_it_charged() -> None:
    dance = shop()
    dance.down.add("payment")
    dance.send(place())
    dance.run()
    dance.later(RESERVATION_TTL)
    dance.waiting["payment"].sort(key=lambda m: isinstance(m, ShipmentRefused))
    dance.down.clear()
    dance.run()
    assert len(dance.heard(PaymentRefunded)) == 1
    assert dance.heard(ShipmentArranged) == []
    check_the_books(dance)


@pytest.mark.parametrize("cancel_first", [True, False])
def test_a_cancel_that_races_the_parcel_has_exactly_one_winner(cancel_first: bool) -> None:
    dance = shop()
    dance.down.add("shipping")
    dance.send(place())
    dance.run()
    dance.send(cancel())
    dance.run()
    dance.waiting["shipping"].sort(key=lambda m: isinstance(m, PaymentCompleted) is cancel_first)
    dance.down.clear()
    dance.run()
    assert len(dance.heard(OrderCancelled)) == cancel_first
    assert len(dance.heard(OrderConfirmed)) == (not cancel_first)
    assert len(dance.heard(StopRefused)) == (not cancel_first)
    check_the_books(dance)


@pytest.mark.parametrize("down", ["payment", "shipping"])
def test_a_cancelled_reservation_ends_the_order_wherever_it_is_before_the_pivot(down: str) -> None:
    dance = shop()
    dance.down.add(down)
    dance.send(place())
    dance.run()
    dance.send(CancelReservation(order_id="O-1", request_id="r1"))
    dance.run()
    dance.waiting[down].reverse()
    dance.down.clear()
    dance.run()
    assert outcome(dance) == ("CANCELLED", "reservation")
    assert dance.heard(ShipmentArranged) == []
    check_the_books(dance)


def test_a_refund_of_an_order_that_is_shipping_is_paid_and_the_order_stays() -> None:
    dance = shop()
    dance.send(place())
    dance.run()
    dance.send(RefundPayment(order_id="O-1", customer_id="ann", request_id="r1"))
    dance.run()
    assert outcome(dance) == ("CONFIRMED", None)
    assert len(dance.heard(PaymentRefunded)) == 1
    check_the_books(dance)


def test_a_refund_while_the_provider_is_slow_stops_the_order_and_charges_nothing() -> None:
    dance = shop()
    dance.send(place(payment_method="card"))
    dance.run()
    dance.send(RefundPayment(order_id="O-1", customer_id="ann", request_id="r1"))
    dance.run()
    assert outcome(dance) == ("CANCELLED", "payment")
    assert len(dance.heard(VoidRequested)) == 1
    connect(dance)
    dance.run()
    assert dance.stages["payment"].one(Payment).status == "VOIDED"
    check_the_books(dance)


def test_a_card_charged_although_its_order_was_stopped_is_paid_back_once() -> None:
    dance = shop()
    dance.send(place(payment_method="card"))
    dance.run()
    [asked] = dance.heard(ChargeRequested)
    dance.send(cancel())
    dance.run()
    who: dict[str, Any] = {"order_id": asked.order_id, "customer_id": asked.customer_id}
    dance.send(SettleCharge(**who, outcome="approved"))
    dance.run()
    assert len(dance.heard(RefundRequested)) == 1
    connect(dance)
    dance.run()
    assert len(dance.heard(PaymentRefunded)) == 1
    check_the_books(dance)


def test_a_hold_of_an_order_that_is_confirmed_leaves_nothing_held() -> None:
    dance = shop()
    items = (ItemAsked(product_id="miso", quantity=3),)
    dance.send(HoldStock(order_id="O-1", customer_id="ann", items=items))
    dance.run()
    dance.send(place())
    dance.run()
    check_the_books(dance)


def test_an_order_under_somebody_elses_hold_ends_and_the_hold_is_kept_until_its_time() -> None:
    dance = shop()
    items = (ItemAsked(product_id="miso", quantity=3),)
    dance.send(HoldStock(order_id="O-1", customer_id="bob", items=items))
    dance.run()
    dance.send(place())
    dance.run()
    assert outcome(dance) == ("CANCELLED", "held")
    assert dance.heard(HoldReleased) == []
    dance.later(HOLD_DURATION)
    assert [said.customer_id for said in dance.heard(HoldReleased)] == ["bob"]
    check_the_books(dance)
