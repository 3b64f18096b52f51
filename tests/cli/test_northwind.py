"""Northwind's tables become exact commands."""

from collections import Counter
from itertools import pairwise
from typing import Any

import pytest

from schemas.inventory import ListProduct, Replenish
from schemas.order import PlacePricedOrder
from schemas.payment import OpenWallet, TopUpWallet
from schemas.shipping import RefuseDestination, RegisterCarrier
from streams.northwind.tables import cents, discounted, products, trades
from streams.northwind.year import TRADES_COUNT, Year

PRODUCTS_COUNT, CUSTOMERS_COUNT, LINES_COUNT, WITHOUT_REGION_COUNT = 77, 91, 2155, 507


def opened(kind: type[Any], year: Year) -> list[Any]:
    return [command for command in year.opening() if isinstance(command, kind)]


@pytest.mark.parametrize(
    ("written", "meant"), [("34.7999992", 3480), ("14", 1400), ("9.80000019", 980), ("2.5", 250)]
)
def test_a_price_is_what_was_meant_not_what_a_float_made_of_it(written: str, meant: int) -> None:
    assert cents(written) == meant


@pytest.mark.parametrize(
    ("price", "discount", "per_unit"),
    [
        ("10", "0.150000006", 850),
        ("0.50", "0.25", 38),  # 37.5 goes to the even cent
        ("0.10", "0.25", 8),  # 7.5 goes to the even cent
        ("2.5", "0.0500000007", 238),  # 237.5 goes to the even cent
        ("0.30", "0.25", 22),  # 22.5 goes to the even cent
    ],
)
def test_a_discount_is_rounded_half_to_even_once_per_line(
    price: str, discount: str, per_unit: int
) -> None:
    assert discounted(price, discount) == per_unit


def test_the_year_has_all_its_orders_and_lines_in_date_order() -> None:
    played, orders = trades(), list(Year().orders())
    assert len(orders) == TRADES_COUNT
    assert sum(len(order.items) for order in orders) == LINES_COUNT
    assert [o.order_id for o in orders] == [f"NW-{trade.number}" for trade in played]
    assert all(a.ordered <= b.ordered for a, b in pairwise(played))


def test_an_address_without_a_region_is_partitioned_by_its_country() -> None:
    addresses = [order.shipping_address for order in Year().orders()]
    plain = [address for address in addresses if address.prefecture is None]
    assert len(plain) == WITHOUT_REGION_COUNT
    assert all(address.partition == address.country for address in plain)


def test_an_order_carries_its_historic_prices() -> None:
    [first] = Year().orders(1)
    assert isinstance(first, PlacePricedOrder)
    assert [(i.product_id, i.quantity, i.unit_price) for i in first.items] == [
        ("11", 12, "14.00"), ("42", 10, "9.80"), ("72", 5, "34.80"),
    ]  # fmt: skip


def test_the_shop_opens_with_scaled_stock_and_reorder_levels() -> None:
    listed = {command.product_id: command for command in opened(ListProduct, Year(stock_factor=2))}
    assert len(listed) == PRODUCTS_COUNT
    for product in products():
        assert listed[product.product_id].quantity == product.units_in_stock * 2
        assert listed[product.product_id].low_stock_threshold == product.reorder_level
    assert len(opened(OpenWallet, Year())) == CUSTOMERS_COUNT


def test_another_prefix_is_another_year_that_fills_up_what_the_first_has_used() -> None:
    year = Year(prefix="Y2")
    assert {command.quantity for command in opened(ListProduct, year)} == {0}
    assert {command.request_id for command in opened(Replenish, year)} == {"Y2"}
    ordering = {order.customer_id for order in year.orders()}
    assert {command.customer_id for command in opened(TopUpWallet, year)} == ordering
    assert opened(TopUpWallet, Year(prefix="Y2", wallet_factor=0)) == []
    assert {o.order_id[:3] for o in year.orders()} == {"Y2-"}


def test_refused_countries_are_the_ones_that_were_asked_for() -> None:
    refused = opened(RefuseDestination, Year(refuse=("Norway",)))
    assert [command.destination for command in refused] == ["Norway"]


def test_shippers_carry_to_where_they_carried_most() -> None:
    carriers = Counter(command.destination for command in opened(RegisterCarrier, Year()))
    assert set(carriers.values()) == {1}
    assert "*" in carriers
    assert "France" in carriers
    assert "RJ" in carriers
