"""Who carries a parcel, and the number it travels under."""

from collections.abc import Iterable, Mapping
from hashlib import blake2b

from domains.row import RowKey
from domains.shipping.rows import Carrier, RefusedDestination

#: The destination of the carrier for all places that have none of their own.
ELSEWHERE = "*"
#: Who ships where nobody was registered, so that a fresh system ships.
HOUSE_CARRIER = Carrier(destination=ELSEWHERE, carrier="Odori", transit_days=3, revision=0)

#: Digits of a tracking number before its check digit; as many as carriers print in one line.
TRACKING_DIGITS = 12


def closed(
    places: Iterable[str], refused: Mapping[RowKey, RefusedDestination]
) -> RefusedDestination | None:
    """The first of the places that is not served."""
    for place in places:
        row = refused.get((place,))
        if row is not None and row.refused:
            return row
    return None


def carrier_for(places: Iterable[str], carriers: Mapping[RowKey, Carrier]) -> Carrier:
    """The carrier of the nearest place that has one."""
    for place in places:
        carrier = carriers.get((place,))
        if carrier is not None:
            return carrier
    return carriers.get((ELSEWHERE,), HOUSE_CARRIER)


def tracking_number(order_id: str) -> str:
    """The same number for the same order, whoever asks again; the last digit checks the others."""
    hashed = blake2b(order_id.encode(), digest_size=8).digest()
    number = int.from_bytes(hashed) % 10**TRACKING_DIGITS
    return f"OD{number:0{TRACKING_DIGITS}d}{number % 7}"
