"""Shipping's part of the dance: arrange or stop, the pivot; then where the parcel is."""

from datetime import datetime, timedelta

from domains.domain import Address
from domains.shipping import destinations, domain
from domains.shipping.rows import Carrier, RefusedDestination, Shipment, ShipmentHistory, Status
from domains.shipping.rules import ELSEWHERE, carrier_for, closed, tracking_number
from domains.tx import Tx
from schemas.inventory import ReleaseRequested, ReservationOverdue
from schemas.order import StopAsked, StopRequested
from schemas.payment import PaymentCompleted, PaymentStopRequested
from schemas.shipping import (
    ShipmentArranged,
    ShipmentRefused,
    ShipmentUpdated,
    ShipmentUpdateRefused,
    StopRefused,
    UpdateShipment,
)

__all__ = ["destinations", "domain"]

#: What never ships; anything else is past the pivot.
ENDED = (Status.STOPPED, Status.REFUSED)


def _shipment(event: StopAsked | PaymentCompleted) -> list[Address]:
    place, order = event.shipment_partition, event.order_id
    return [Shipment.address(place, order)]


def _of_arranging(event: PaymentCompleted) -> list[Address]:
    places = {event.shipment_partition, event.shipping_address.country}
    return [
        *_shipment(event),
        *[RefusedDestination.address(place) for place in places],
        *[Carrier.address(place) for place in places],
        Carrier.address(ELSEWHERE),
    ]


def _of_updating(event: UpdateShipment) -> list[Address]:
    place, order = event.shipment_partition, event.order_id
    later = [ShipmentHistory.address(place, order, number) for number in (1, 2, 3)]
    return [Shipment.address(place, order), *later]


@domain.step(reads=_of_arranging, pivot=True)
def arrange(event: PaymentCompleted, tx: Tx) -> ShipmentArranged | ShipmentRefused:
    """The pivot: a parcel is on its way, unless its order was stopped or goes where we do not."""
    stopped = tx.get(Shipment, event.shipment_partition, event.order_id)
    if stopped is not None:
        tx.touch(stopped)
        return ShipmentRefused(
            **event.ref(), reason=stopped.reason or "", detail=stopped.detail or ""
        )
    places = (event.shipment_partition, event.shipping_address.country)
    keys = [(place,) for place in places]
    refused = closed(places, tx.get_many(RefusedDestination, keys))
    carrier = carrier_for(places, tx.get_many(Carrier, [*keys, (ELSEWHERE,)]))
    tracking = tracking_number(event.order_id)
    shipment = Shipment(
        prefecture=event.shipment_partition, order_id=event.order_id,
        shipment_id=f"S-{event.order_id}", customer_id=event.customer_id,
        status=Status.REFUSED if refused else Status.ARRANGED,
        shipping_address=event.shipping_address, items=event.items, created_at=tx.now,
        tracking_number=None if refused else tracking,
        carrier=None if refused else carrier.carrier,
        estimated_delivery=None if refused else tx.now + timedelta(days=carrier.transit_days),
        reason="destination" if refused else None,
        detail=_refusal(refused) if refused else None,
        carrier_revision=0 if refused else carrier.revision,
        destination_revision=refused.revision if refused else 0,
    )  # fmt: skip
    tx.put(shipment)
    if refused:
        return ShipmentRefused(
            **event.ref(), reason=shipment.reason or "", detail=shipment.detail or ""
        )
    return event.onward(
        ShipmentArranged, shipment_id=shipment.shipment_id, tracking_number=tracking,
        carrier=carrier.carrier,
    )  # fmt: skip


@domain.step(reads=_shipment, subject=lambda e: f"{type(e).__name__}:{e.request_id}", queues=False)
def stop(
    event: StopRequested | ReservationOverdue | ReleaseRequested | PaymentStopRequested, tx: Tx
) -> ShipmentRefused | StopRefused:
    """Whoever wants an order stopped asks here; it is refused once the parcel is arranged.

    An order that ended already is refused its shipment again, for the reason it had: harmless, and
    a second chance for whoever has not heard it.
    """
    shipment = tx.get(Shipment, event.shipment_partition, event.order_id)
    if shipment is None:
        shipment = Shipment(
            prefecture=event.shipment_partition, order_id=event.order_id,
            shipment_id=f"S-{event.order_id}", customer_id=event.customer_id,
            status=Status.STOPPED, created_at=tx.now, reason=event.reason, detail=event.detail,
        )  # fmt: skip
        tx.put(shipment)
    else:
        tx.touch(shipment)
    if shipment.status in ENDED:
        return ShipmentRefused(
            **event.ref(), reason=shipment.reason or "", detail=shipment.detail or ""
        )
    return StopRefused(
        order_id=event.order_id, customer_id=event.customer_id, request_id=event.request_id,
        asked_by=type(event).__name__, status=shipment.status,
    )  # fmt: skip


@domain.step(reads=_of_updating, subject=lambda e: e.request_id)
def update_shipment(event: UpdateShipment, tx: Tx) -> ShipmentUpdated | ShipmentUpdateRefused:
    """Arranged, then shipped, then delivered; the row decides, whatever order this is heard in."""
    shipment = tx.get(Shipment, event.shipment_partition, event.order_id)
    shipped = event.status == "SHIPPED"
    before = Status.ARRANGED if shipped else Status.SHIPPED
    if shipment is None or shipment.status is not before or shipment.tracking_number is None:
        return ShipmentUpdateRefused(
            order_id=event.order_id, shipment_partition=event.shipment_partition,
            request_id=event.request_id, reason="unknown" if shipment is None else "status",
        )  # fmt: skip
    revision = shipment.revision + 1
    moved = shipment.but(
        status=Status(event.status), revision=revision,
        shipped_at=tx.now if shipped else shipment.shipped_at,
        delivered_at=None if shipped else tx.now,
    )  # fmt: skip
    if shipment.revision == 1:
        tx.put(_line(shipment, shipment.created_at))
    tx.put(moved)
    tx.put(_line(moved, tx.now))
    return ShipmentUpdated(
        order_id=moved.order_id, customer_id=moved.customer_id, shipment_id=moved.shipment_id,
        tracking_number=shipment.tracking_number, status=event.status, revision=revision,
    )  # fmt: skip


def _line(shipment: Shipment, at: datetime) -> ShipmentHistory:
    """The line of history for a shipment as it was then."""
    return ShipmentHistory(
        prefecture=shipment.prefecture, order_id=shipment.order_id, number=shipment.revision,
        shipment_id=shipment.shipment_id, status=shipment.status,
        tracking_number=shipment.tracking_number, at=at,
    )  # fmt: skip


def _refusal(refused: RefusedDestination) -> str:
    return f"{refused.destination} is not served" + (
        f": {refused.reason}" if refused.reason else ""
    )
