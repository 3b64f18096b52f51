"""What an order costs, and what its steps look like once it has ended."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from domains.order.rows import Listing, Progress, Steps
from domains.row import RowKey
from schemas.fields import ItemAsked, ItemPriced, ItemQuoted, built
from schemas.money import MINOR_MAX_UNITS, to_amount, to_minor
from schemas.order import StopAsked

CONFIRMED_STEPS = Steps(**dict.fromkeys(Steps.model_fields, Progress.DONE))

#: Which step a failure stands for.
FAILED_STEP = {"StockShort": "reserve", "PaymentDeclined": "charge", "ShipmentRefused": "arrange"}

#: Reasons of a stop, which may come at any point before the pivot.
STOPS = frozenset(get_args(StopAsked.model_fields["reason"].annotation))


@dataclass(frozen=True, slots=True)
class Priced:
    """An order's lines at their prices; money in minor units."""

    items: tuple[ItemPriced, ...]
    total: int
    currency: str
    revisions: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Unpriced:
    """Why an order has no price."""

    reason: Literal["product", "currency", "total"]
    detail: str


def price(
    asked: Sequence[ItemAsked], listings: Mapping[RowKey, Listing], currency: str | None
) -> Priced | Unpriced:
    """The lines at the catalogue's prices, or at their own where the operator quoted them."""
    items, revisions, total = [], [], 0
    for line, item in enumerate(asked, start=1):
        listing = listings.get((item.product_id,))
        if listing is None:
            return Unpriced("product", f"line {line}: no product {item.product_id}")
        currency = currency or listing.currency
        if listing.currency != currency:
            return Unpriced(
                "currency", f"line {line}: {item.product_id} is sold in {listing.currency}"
            )
        if isinstance(item, ItemQuoted):
            unit_price = item.unit_price
            total += item.quantity * to_minor(unit_price, currency)
        else:
            unit_price = to_amount(listing.unit_price, currency)
            total += item.quantity * listing.unit_price
        items.append(
            built(
                ItemPriced,
                {
                    "product_id": item.product_id,
                    "quantity": item.quantity,
                    "category": listing.category,
                    "unit_price": unit_price,
                },
            )
        )
        revisions.append(listing.revision)
    if total > MINOR_MAX_UNITS:
        return Unpriced("total", f"{currency} {to_amount(total, currency or '')} is too much")
    return Priced(tuple(items), total, currency or "", tuple(revisions))


def confirmed(steps: Steps) -> Steps:
    """The steps of an order that is shipping; money that is back already stays back."""
    if steps.charge is Progress.UNDONE:
        return CONFIRMED_STEPS.model_copy(update={"charge": Progress.UNDONE})
    return CONFIRMED_STEPS


def ended(steps: Steps, failure: str, reason: str) -> Steps:
    """The steps of an order that this failure ended.

    What order has heard to be done or undone stays; the rest will not happen any more. A declined
    payment says that the stock was reserved, a refused destination that the order was paid, too.
    """
    failed = FAILED_STEP.get(failure, "confirm")
    before = {"charge": 1, "arrange": 2}.get(failed, 0) if reason not in STOPS else 0
    told = steps.__dict__ | {failed: Progress.FAILED}
    for number, (name, progress) in enumerate(steps.__dict__.items()):
        if progress is Progress.PENDING and name != failed:
            told[name] = Progress.DONE if number <= before else Progress.SKIPPED
    return Steps(**told)
