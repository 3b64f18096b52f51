"""How many units an order means to each stock row, and whether they are there."""

from collections.abc import Iterable, Mapping

from domains.inventory.rows import Stock
from domains.row import RowKey
from schemas.fields import ItemPriced

#: How long an order may take to be paid and arranged before inventory wants its stock back.
RESERVATION_SECONDS = 900
#: How long stock is held for an order that may follow.
HOLD_SECONDS = 900

#: Units per stock row, (category, product id).
Units = dict[RowKey, int]


def units(items: Iterable[ItemPriced]) -> Units:
    """The units of each stock row; a product on two lines is one row."""
    summed: Units = {}
    for item in items:
        key = (item.category, item.product_id)
        summed[key] = summed.get(key, 0) + item.quantity
    return summed


def less(wanted: Units, held: Units) -> Units:
    """What is wanted beyond what is held already; negative where more is held."""
    return {key: wanted.get(key, 0) - held.get(key, 0) for key in {**wanted, **held}}


def shortage(wanted: Units, stocks: Mapping[RowKey, Stock]) -> str:
    """The first product that is not there, in words; empty if all are."""
    for key, asked in wanted.items():
        stock = stocks.get(key)
        available = stock.available_quantity if stock else 0
        if asked > available:
            return f"product {key[1]}: {asked} wanted, {available} available"
    return ""
