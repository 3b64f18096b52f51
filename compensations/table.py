"""When what is taken back: a step, and the failures on which it is undone. Data only."""

from schemas.inventory import StockShort
from schemas.message import Failure
from schemas.payment import PaymentDeclined
from schemas.shipping import ShipmentRefused

#: One line per step that can be undone. There is no wildcard: before the pivot everything is named
#: for ShipmentRefused, done or not yet, so that what comes later finds itself forbidden.
TABLE: dict[str, tuple[type[Failure], ...]] = {
    "order.place": (StockShort, PaymentDeclined, ShipmentRefused),
    "inventory.reserve": (PaymentDeclined, ShipmentRefused),
    "payment.charge": (ShipmentRefused,),
}


def undone_on(failure: type[Failure]) -> tuple[str, ...]:
    """The steps that this failure takes back."""
    return tuple(step for step, failures in TABLE.items() if failure in failures)
