"""Shipping: arrange or stop, whichever is first; then parcels move, and places open and close."""

from datetime import timedelta
from typing import Literal

import pytest

from domains.shipping.rows import Carrier, RefusedDestination, Shipment, ShipmentHistory, Status
from domains.shipping.rules import tracking_number
from schemas.inventory import ReleaseRequested, ReservationOverdue
from schemas.message import Message
from schemas.order import StopAsked, StopRequested
from schemas.payment import PaymentCompleted, PaymentStopRequested
from schemas.shipping import (
    AllowDestination,
    RefuseDestination,
    RegisterCarrier,
    ShipmentArranged,
    ShipmentRefused,
    ShipmentUpdated,
    ShipmentUpdateRefused,
    StopRefused,
    UpdateShipment,
)
from tests.given import NOW, Stage
from tests.trade import ATLANTIS, ORDER, event, facts_of, sunken

PAID = event(PaymentCompleted)
STOP = event(StopRequested)
REQUESTS: list[type[StopAsked]] = [
    StopRequested, ReservationOverdue, ReleaseRequested, PaymentStopRequested,
]  # fmt: skip


def kinds(messages: list[Message]) -> list[type[Message]]:
    return [type(message) for message in messages]


def moved(status: Literal["SHIPPED", "DELIVERED"], request: str) -> UpdateShipment:
    return UpdateShipment(
        order_id="O-1", shipment_partition="Tokyo", request_id=request, status=status
    )


@pytest.fixture
def dock() -> Stage:
    return Stage("shipping", sunken())


def test_a_paid_order_is_arranged_in_one_pass_and_history_waits_for_a_change(dock: Stage) -> None:
    [said] = dock.when(PAID)
    assert isinstance(said, ShipmentArranged)
    assert facts_of(said) == ORDER
    row = dock.one(Shipment)
    assert (row.status, row.prefecture, row.carrier) == (Status.ARRANGED, "Tokyo", "Odori")
    assert (row.items, row.shipping_address) == (ORDER["items"], ORDER["shipping_address"])
    assert row.tracking_number == said.tracking_number == tracking_number("O-1")
    assert row.estimated_delivery == NOW + timedelta(days=3)
    assert dock.rows(ShipmentHistory) == []
    assert dock.passes == 1


def test_tracking_numbers_are_the_same_for_the_same_order_only() -> None:
    numbers = {tracking_number(f"O-{n}") for n in range(1000)}
    assert len(numbers) == 1000
    assert tracking_number("O-1") in numbers


@pytest.mark.parametrize("closed", ["Sunken", "AT"])
def test_a_place_that_is_not_served_refuses_the_shipment_by_prefecture_or_country(
    closed: str,
) -> None:
    dock = Stage("shipping", sunken().but(destination=closed))
    [said] = dock.when(event(PaymentCompleted, shipping_address=ATLANTIS,
                             shipment_partition="Sunken"))  # fmt: skip
    assert isinstance(said, ShipmentRefused)
    assert (said.reason, said.detail) == ("destination", f"{closed} is not served: under water")
    row = dock.one(Shipment)
    assert (row.status, row.destination_revision) == (Status.REFUSED, 3)
    assert row.tracking_number is None


@pytest.mark.parametrize(
    ("rows", "carrier"),
    [
        (["*"], "for *"),
        (["*", "JP"], "for JP"),
        (["*", "JP", "Tokyo"], "for Tokyo"),
    ],
)
def test_the_nearest_carrier_takes_the_parcel(rows: list[str], carrier: str) -> None:
    carriers = [
        Carrier(destination=d, carrier=f"for {d}", transit_days=1, revision=7) for d in rows
    ]
    dock = Stage("shipping", *carriers)
    dock.when(PAID)
    row = dock.one(Shipment)
    assert (row.carrier, row.carrier_revision) == (carrier, 7)


@pytest.mark.parametrize("request_type", REQUESTS)
def test_whoever_is_first_wins_a_stop_before_the_parcel(
    dock: Stage, request_type: type[StopAsked]
) -> None:
    [refused] = dock.when(event(request_type, detail="no more"))
    assert isinstance(refused, ShipmentRefused)
    assert (refused.reason, refused.detail, refused.amount) == ("customer", "no more", "21.00")
    [again] = dock.when(PAID)
    assert again == refused
    assert dock.one(Shipment).status is Status.STOPPED


@pytest.mark.parametrize("request_type", REQUESTS)
def test_whoever_is_first_wins_a_stop_after_the_parcel(
    dock: Stage, request_type: type[StopAsked]
) -> None:
    dock.when(PAID)
    before = dock.one(Shipment)
    [refused] = dock.when(event(request_type))
    assert isinstance(refused, StopRefused)
    assert (refused.asked_by, refused.request_id) == (request_type.__name__, "r1")
    assert dock.one(Shipment) == before


def test_in_one_batch_the_first_wins_too() -> None:
    assert kinds(Stage("shipping").when(STOP, PAID)) == [ShipmentRefused, ShipmentRefused]
    assert kinds(Stage("shipping").when(PAID, STOP)) == [ShipmentArranged, StopRefused]


def test_a_second_request_is_answered_on_its_own_even_with_the_same_id(dock: Stage) -> None:
    dock.when(STOP)
    assert dock.when(STOP) == []
    [again] = dock.when(event(PaymentStopRequested))
    assert isinstance(again, ShipmentRefused)
    assert again.reason == "customer"


def test_a_stop_of_an_order_that_is_refused_already_keeps_the_first_reason(dock: Stage) -> None:
    dock.when(event(PaymentCompleted, shipping_address=ATLANTIS, shipment_partition="Sunken"))
    [again] = dock.when(event(StopRequested, shipment_partition="Sunken"))
    assert isinstance(again, ShipmentRefused)
    assert again.reason == "destination"


def test_a_parcel_is_shipped_then_delivered(dock: Stage) -> None:
    dock.when(PAID)
    [shipped] = dock.when(moved("SHIPPED", "r1"))
    assert isinstance(shipped, ShipmentUpdated)
    dock.later(timedelta(days=2))
    [delivered] = dock.when(moved("DELIVERED", "r2"))
    assert isinstance(delivered, ShipmentUpdated)
    assert (shipped.revision, delivered.revision) == (2, 3)
    row = dock.one(Shipment)
    assert (row.shipped_at, row.delivered_at) == (NOW, NOW + timedelta(days=2))
    assert [line.status for line in dock.rows(ShipmentHistory)] == [
        "ARRANGED", "SHIPPED", "DELIVERED",
    ]  # fmt: skip


def test_a_parcel_cannot_be_delivered_before_it_left_and_may_be_later(dock: Stage) -> None:
    dock.when(PAID)
    [refused] = dock.when(moved("DELIVERED", "r1"))
    assert isinstance(refused, ShipmentUpdateRefused)
    assert refused.reason == "status"
    dock.when(moved("SHIPPED", "r2"))
    assert kinds(dock.when(moved("DELIVERED", "r3"))) == [ShipmentUpdated]


def test_a_stopped_or_unknown_parcel_goes_nowhere(dock: Stage) -> None:
    [unknown] = dock.when(moved("SHIPPED", "r1"))
    dock.when(STOP)
    [stopped] = dock.when(moved("SHIPPED", "r2"))
    assert isinstance(unknown, ShipmentUpdateRefused)
    assert isinstance(stopped, ShipmentUpdateRefused)
    assert (unknown.reason, stopped.reason) == ("unknown", "status")


def test_a_refused_cancel_of_a_shipped_order_leaves_it_shipped(dock: Stage) -> None:
    dock.when(PAID)
    dock.when(moved("SHIPPED", "r1"))
    assert kinds(dock.when(STOP)) == [StopRefused]
    assert dock.one(Shipment).status is Status.SHIPPED


def test_places_close_and_open_again(dock: Stage) -> None:
    dock.when(RefuseDestination(destination="Tokyo", request_id="r1", reason="festival"))
    assert kinds(dock.when(PAID)) == [ShipmentRefused]
    dock.when(AllowDestination(destination="Tokyo", request_id="r2"))
    assert kinds(dock.when(event(PaymentCompleted, order_id="O-2"))) == [ShipmentArranged]
    assert [row.revision for row in dock.rows(RefusedDestination)] == [3, 2]


def test_a_carrier_is_replaced_by_a_later_one(dock: Stage) -> None:
    for number, name in enumerate(("Kuroneko", "Sagawa")):
        dock.when(RegisterCarrier(
            destination="Tokyo", request_id=f"r{number}", carrier=name, transit_days=1
        ))  # fmt: skip
    dock.when(PAID)
    assert (dock.one(Shipment).carrier, dock.one(Shipment).carrier_revision) == ("Sagawa", 2)
