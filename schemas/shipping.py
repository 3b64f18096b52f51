"""What is said about shipments, carriers and the places that are not served."""

from typing import Literal

from schemas.fields import Count, DerivedId, Id, Text
from schemas.message import Command, Event, Refusal
from schemas.order import OrderFacts, OrderFailure


class RegisterCarrier(
    Command,
    wire="odori.shipping.RegisterCarrier.v1",
    saga="destination:{destination}",
    key="destination",
    subject="destination",
    minted="request_id",
    operator=True,
):
    """Who ships to a prefecture or country; destination `*` is everywhere else."""

    destination: Id
    request_id: Id
    carrier: Id
    transit_days: Count


class RefuseDestination(
    Command,
    wire="odori.shipping.RefuseDestination.v1",
    saga="destination:{destination}",
    key="destination",
    subject="destination",
    minted="request_id",
    operator=True,
):
    """Ship no more to a prefecture or country."""

    destination: Id
    request_id: Id
    reason: Text = ""


class AllowDestination(
    Command,
    wire="odori.shipping.AllowDestination.v1",
    saga="destination:{destination}",
    key="destination",
    subject="destination",
    minted="request_id",
    operator=True,
):
    """Ship to a prefecture or country again."""

    destination: Id
    request_id: Id


class UpdateShipment(
    Command,
    wire="odori.shipping.UpdateShipment.v1",
    saga="order_id",
    key="shipment_partition",
    minted="request_id",
    operator=True,
):
    """A parcel has left, or has arrived."""

    order_id: Id
    shipment_partition: Id
    request_id: Id
    status: Literal["SHIPPED", "DELIVERED"]


class CarrierRegistered(
    Event,
    wire="odori.shipping.CarrierRegistered.v1",
    saga="destination:{destination}",
    key="destination",
    subject="destination",
):
    """A place has a carrier."""

    destination: Id
    carrier: Id
    transit_days: Count
    revision: Count


class DestinationClosed(
    Event,
    wire="odori.shipping.DestinationClosed.v1",
    saga="destination:{destination}",
    key="destination",
    subject="destination",
):
    """A place is not served."""

    destination: Id
    reason: Text
    revision: Count


class DestinationOpened(
    Event,
    wire="odori.shipping.DestinationOpened.v1",
    saga="destination:{destination}",
    key="destination",
    subject="destination",
):
    """A place is served."""

    destination: Id
    revision: Count


class ShipmentArranged(
    OrderFacts,
    Event,
    wire="odori.shipping.ShipmentArranged.v1",
    saga="order_id",
    key="customer_id",
):
    """The pivot: from here the order is not taken back."""

    shipment_id: DerivedId
    tracking_number: Id
    carrier: Id


class ShipmentRefused(OrderFailure, wire="odori.shipping.ShipmentRefused.v1", saga="order_id"):
    """The order is not shipped: its destination is refused, or it was stopped before."""


class StopRefused(
    Refusal, wire="odori.shipping.StopRefused.v1", saga="order_id", key="customer_id"
):
    """It is shipping already; `asked_by` is the message that wanted it stopped."""

    order_id: Id
    customer_id: Id
    request_id: Id
    asked_by: Id
    status: Id


class ShipmentUpdated(
    Event,
    wire="odori.shipping.ShipmentUpdated.v1",
    saga="order_id",
    key="customer_id",
):
    """A parcel is somewhere else."""

    order_id: Id
    customer_id: Id
    shipment_id: DerivedId
    tracking_number: Id
    status: Literal["SHIPPED", "DELIVERED"]
    revision: Count


class ShipmentUpdateRefused(
    Refusal,
    wire="odori.shipping.ShipmentUpdateRefused.v1",
    saga="order_id",
    key="shipment_partition",
):
    """The parcel cannot be there."""

    order_id: Id
    shipment_partition: Id
    request_id: Id
    reason: Literal["unknown", "status"]
