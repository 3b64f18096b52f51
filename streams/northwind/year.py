"""A year of Northwind's trade as commands: opening the shop, then the orders in date order.

Product by product the shop opens with `units_in_stock` x stock factor. Northwind has no wallets:
each opens with wallet factor x what its customer orders in the year. Its shippers carry to where
they carried most. Another prefix is another year: stock and wallets are filled up by as much again.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Literal

from schemas.fields import Address, ItemQuoted
from schemas.inventory import ListProduct, Replenish
from schemas.message import Command
from schemas.money import to_amount
from schemas.order import PlacePricedOrder
from schemas.payment import OpenWallet, TopUpWallet
from schemas.shipping import AllowDestination, RefuseDestination, RegisterCarrier
from streams.northwind.tables import CURRENCY, Product, Trade, customers, products, trades

#: The prefix of the order ids of the year that happened.
FIRST_YEAR = "NW"
#: The orders of the year.
TRADES_COUNT = 830


@dataclass(frozen=True)
class Year:
    """One playing of the year. The defaults make every outcome happen: of 830 orders about 500 are
    confirmed, 230 short of stock, 60 declined for funds and 30 refused by shipping."""

    prefix: str = FIRST_YEAR
    stock_factor: float = 40.0
    wallet_factor: float = 0.7
    refuse: tuple[str, ...] = ("Argentina", "Ireland", "Poland")
    pay_by: Literal["wallet", "card"] = "wallet"

    def opening(self) -> list[Command]:
        """What must be there before the first order."""
        played = trades()
        return [
            *self._carriers(played),
            *self._destinations(played),
            *[command for product in products() for command in self._stock(product)],
            *self._wallets(played),
        ]

    def orders(self, count: int | None = None) -> Iterable[PlacePricedOrder]:
        """The first `count` orders."""
        return (self._order(trade) for trade in trades()[:count])

    def _order(self, trade: Trade) -> PlacePricedOrder:
        to = trade.ship_to
        return PlacePricedOrder(
            order_id=f"{self.prefix}-{trade.number}", customer_id=trade.customer_id,
            currency=CURRENCY, payment_method=self.pay_by,
            items=tuple(
                ItemQuoted(
                    product_id=line.product_id, quantity=line.quantity,
                    unit_price=to_amount(line.unit_price, CURRENCY),
                )
                for line in trade.lines
            ),
            shipping_address=Address(
                name=to["ship_name"], line1=to["ship_address"], city=to["ship_city"],
                prefecture=to["ship_region"] or None, postal_code=to["ship_postal_code"],
                country=to["ship_country"],
            ),
        )  # fmt: skip

    @property
    def _first(self) -> bool:
        return self.prefix == FIRST_YEAR

    def _stock(self, product: Product) -> list[Command]:
        units = round(product.units_in_stock * self.stock_factor)
        listed = ListProduct(
            product_id=product.product_id, product_name=product.name, category=product.category,
            currency=CURRENCY, unit_price=to_amount(product.unit_price, CURRENCY),
            quantity=units if self._first else 0, low_stock_threshold=product.reorder_level,
        )  # fmt: skip
        if self._first or not units:
            return [listed]
        more = Replenish(product_id=product.product_id, request_id=self.prefix, quantity=units)
        return [listed, more]

    def _wallets(self, played: Sequence[Trade]) -> list[Command]:
        spent: Counter[str] = Counter(dict.fromkeys(customers(), 0))
        for trade in played:
            spent[trade.customer_id] += trade.total
        given = {who: round(cents * self.wallet_factor) for who, cents in spent.items()}
        return [
            self._wallet(customer, to_amount(cents, CURRENCY))
            for customer, cents in given.items()
            if cents or self._first
        ]

    def _wallet(self, customer: str, amount: str) -> Command:
        if self._first:
            return OpenWallet(customer_id=customer, currency=CURRENCY, opening=amount)
        return TopUpWallet(
            customer_id=customer, request_id=self.prefix, currency=CURRENCY, amount=amount
        )

    @staticmethod
    def _carriers(played: Sequence[Trade]) -> list[Command]:
        """Each destination's most used shipper, and its median days from order to shipping."""
        by_destination: dict[str, list[Trade]] = {"*": list(played)}
        for trade in played:
            by_destination.setdefault(trade.destination, []).append(trade)
        return [
            RegisterCarrier(
                destination=destination, request_id=FIRST_YEAR,
                carrier=Counter(trade.shipper for trade in sent).most_common(1)[0][0],
                transit_days=round(
                    median([t.days_to_ship for t in sent if t.days_to_ship is not None] or [0])
                ),
            )
            for destination, sent in by_destination.items()
        ]  # fmt: skip

    def _destinations(self, played: Sequence[Trade]) -> list[Command]:
        reason = "not served this year"
        refused: list[Command] = [
            RefuseDestination(destination=place, request_id=self.prefix, reason=reason)
            for place in self.refuse
        ]
        if self._first:
            return refused
        places = sorted({trade.ship_to["ship_country"] for trade in played} - {*self.refuse})
        allowed = (AllowDestination(destination=p, request_id=self.prefix) for p in places)
        return [*refused, *allowed]
