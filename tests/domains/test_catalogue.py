"""The catalogue: products are listed once, priced anew, replenished."""

from typing import Any

import pytest
from pydantic import ValidationError

from domains.inventory.rows import Shelf, Stock
from schemas.inventory import (
    ChangePrice,
    ListProduct,
    PriceChanged,
    ProductListed,
    ProductRefused,
    Replenish,
    StockReplenished,
)
from streams.delivery import Result
from tests.given import Stage

TEA: dict[str, Any] = {
    "product_id": "tea", "product_name": "Tea", "category": "drinks", "currency": "USD",
    "unit_price": "4.50", "quantity": 10, "low_stock_threshold": 3,
}  # fmt: skip


@pytest.fixture
def store() -> Stage:
    stage = Stage("inventory")
    stage.when(ListProduct(**TEA))
    return stage


def test_a_listed_product_is_on_its_shelf_and_announced_whole() -> None:
    store = Stage("inventory")
    [said] = store.when(ListProduct(**TEA))
    assert said == ProductListed(
        product_id="tea", product_name="Tea", category="drinks", unit_price="4.50",
        currency="USD", revision=1, quantity=10,
    )  # fmt: skip
    row = store.one(Stock)
    assert (row.quantity, row.available_quantity, row.initial, row.unit_price) == (10, 10, 10, 450)
    assert store.one(Shelf).category == "drinks"


def test_a_product_is_listed_once(store: Stage) -> None:
    store.when(ListProduct(**TEA))
    assert store.results() == [Result.REPEAT]
    store.when(ListProduct(**TEA | {"quantity": 99}))
    assert store.results() == [Result.CLASH]
    [refused] = Stage("inventory", *store.rows(Shelf), *store.rows(Stock)).when(ListProduct(**TEA))
    assert isinstance(refused, ProductRefused)
    assert refused.reason == "listed"


def test_a_new_price_has_a_higher_revision_and_carries_the_whole_product(store: Stage) -> None:
    [said] = store.when(
        ChangePrice(product_id="tea", request_id="r1", currency="USD", unit_price="5")
    )
    assert isinstance(said, PriceChanged)
    assert (said.unit_price, said.revision, said.category) == ("5.00", 2, "drinks")
    assert store.one(Stock).unit_price == 500


def test_a_price_in_another_currency_is_refused(store: Stage) -> None:
    [said] = store.when(
        ChangePrice(product_id="tea", request_id="r1", currency="JPY", unit_price="5")
    )
    assert isinstance(said, ProductRefused)
    assert said.reason == "currency"
    assert store.one(Stock).unit_price == 450


@pytest.mark.parametrize(("currency", "price"), [("JPY", "4.5"), ("USD", "4.505"), ("XXX", "4")])
def test_a_price_that_does_not_fit_its_currency_is_invalid(currency: str, price: str) -> None:
    with pytest.raises(ValidationError):
        ListProduct(**TEA | {"currency": currency, "unit_price": price})


def test_replenishing_counts_in_the_books_and_every_request_once(store: Stage) -> None:
    command = Replenish(product_id="tea", request_id="r1", quantity=5)
    [said] = store.when(command)
    assert isinstance(said, StockReplenished)
    assert said.available_quantity == 15
    store.when(command)
    row = store.one(Stock)
    assert (row.quantity, row.available_quantity, row.replenished, row.initial) == (15, 15, 5, 10)


def test_enough_new_stock_lets_the_next_shortage_be_said_again() -> None:
    store = Stage("inventory")
    store.when(ListProduct(**TEA | {"quantity": 0}))
    low = store.one(Stock).but(low=True)
    for units, still_low in ((2, True), (3, False)):
        stage = Stage("inventory", low, *store.rows(Shelf))
        stage.when(Replenish(product_id="tea", request_id="r1", quantity=units))
        assert stage.one(Stock).low is still_low


@pytest.mark.parametrize(
    "command",
    [
        Replenish(product_id="gold", request_id="r1", quantity=5),
        ChangePrice(product_id="gold", request_id="r1", currency="USD", unit_price="5"),
    ],
)
def test_an_unknown_product_is_refused_and_may_be_listed_later(
    store: Stage, command: Replenish | ChangePrice
) -> None:
    [said] = store.when(command)
    assert isinstance(said, ProductRefused)
    assert said.reason == "unknown"
    store.when(ListProduct(**TEA | {"product_id": "gold"}))
    again = command.model_copy(update={"request_id": "r2"})
    assert not isinstance(store.when(again)[0], ProductRefused)
