"""Where we ship, and who carries it there: reference rows, kept by the operator."""

from domains.domain import Address
from domains.shipping import domain
from domains.shipping.rows import Carrier, RefusedDestination
from domains.tx import Tx
from schemas.shipping import (
    AllowDestination,
    CarrierRegistered,
    DestinationClosed,
    DestinationOpened,
    RefuseDestination,
    RegisterCarrier,
)


def _refused(event: RefuseDestination | AllowDestination) -> list[Address]:
    return [RefusedDestination.address(event.destination)]


@domain.step(reads=lambda e: [Carrier.address(e.destination)], subject=lambda e: e.request_id)
def register_carrier(event: RegisterCarrier, tx: Tx) -> CarrierRegistered:
    """From now on this carrier ships there."""
    known = tx.get(Carrier, event.destination)
    carrier = Carrier(
        destination=event.destination, carrier=event.carrier, transit_days=event.transit_days,
        revision=known.revision + 1 if known else 1,
    )  # fmt: skip
    tx.put(carrier)
    return CarrierRegistered(**carrier.__dict__)


@domain.step(reads=_refused, subject=lambda e: e.request_id)
def refuse_destination(event: RefuseDestination, tx: Tx) -> DestinationClosed:
    """From now on nothing is shipped there."""
    row = _destination(event, tx, refused=True, reason=event.reason)
    return DestinationClosed(destination=row.destination, reason=row.reason, revision=row.revision)


@domain.step(reads=_refused, subject=lambda e: e.request_id)
def allow_destination(event: AllowDestination, tx: Tx) -> DestinationOpened:
    """From now on we ship there again."""
    row = _destination(event, tx, refused=False, reason="")
    return DestinationOpened(destination=row.destination, revision=row.revision)


def _destination(
    event: RefuseDestination | AllowDestination, tx: Tx, *, refused: bool, reason: str
) -> RefusedDestination:
    known = tx.get(RefusedDestination, event.destination)
    row = RefusedDestination(
        destination=event.destination, refused=refused, reason=reason,
        revision=known.revision + 1 if known else 1,
    )  # fmt: skip
    tx.put(row)
    return row
