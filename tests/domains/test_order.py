"""Order: placed at the catalogue's prices, confirmed by shipping, cancelled by failures."""

import pytest
from pydantic import ValidationError

from domains.order.rows import Listing, Order, Status
from schemas.fields import ItemAsked, ItemQuoted
from schemas.inventory import PriceChanged, ProductListed, StockReleased, StockShort
from schemas.order import (
    CancelOrder,
    CancelRefused,
    OrderCancelled,
    OrderConfirmed,
    OrderPlaced,
    OrderRejected,
    PlacePricedOrder,
    StopRequested,
)
from schemas.payment import ChargeRequested, PaymentDeclined, PaymentRefunded
from schemas.shipping import ShipmentArranged, ShipmentRefused
from streams.delivery import Result
from tests.given import Stage
from tests.trade import ATLANTIS, ORDER, TOKYO, event, facts_of, listings, place

CANCEL = CancelOrder(order_id="O-1", customer_id="ann", request_id="r1", reason="too late")


@pytest.fixture
def shop() -> Stage:
    return Stage("order", *listings())


@pytest.fixture
def placed(shop: Stage) -> Stage:
    shop.when(place())
    return shop


def steps_of(stage: Stage) -> list[str]:
    return [str(progress) for progress in stage.one(Order).steps.__dict__.values()]


def test_an_order_is_placed_at_the_catalogues_prices_over_two_categories(shop: Stage) -> None:
    [placed] = shop.when(place())
    assert isinstance(placed, OrderPlaced)
    assert facts_of(placed) == ORDER
    row = shop.one(Order)
    assert (row.total_amount, row.currency, row.status) == (2100, "USD", Status.PLACED)
    assert (row.items, row.listing_revisions, row.revision) == (placed.items, (1, 1), 1)
    assert steps_of(shop) == ["done", "pending", "pending", "pending", "pending"]
    assert shop.passes == 1


def test_an_address_without_a_prefecture_ships_by_country(shop: Stage) -> None:
    [placed] = shop.when(place(shipping_address=TOKYO.model_copy(update={"prefecture": None})))
    assert isinstance(placed, OrderPlaced)
    assert placed.shipment_partition == "JP"


def test_an_unknown_product_rejects_the_order_and_names_the_line(shop: Stage) -> None:
    items = (ItemAsked(product_id="tea", quantity=1), ItemAsked(product_id="gold", quantity=1))
    [rejected] = shop.when(place(items=items))
    assert isinstance(rejected, OrderRejected)
    assert (rejected.reason, rejected.detail) == ("product", "line 2: no product gold")
    assert shop.rows(Order) == []


def test_a_currency_that_is_not_the_catalogues_rejects_the_order(shop: Stage) -> None:
    [rejected] = shop.when(place(currency="JPY"))
    assert isinstance(rejected, OrderRejected)
    assert (rejected.reason, rejected.detail) == ("currency", "line 1: tea is sold in USD")


def test_a_total_that_no_column_holds_rejects_the_order(shop: Stage) -> None:
    items = tuple(ItemAsked(product_id="rice", quantity=10**9) for _ in range(100))
    dear = Listing(
        product_id="rice", product_name="Rice", category="grains", unit_price=10**9,
        currency="USD", revision=1,
    )  # fmt: skip
    [rejected] = Stage("order", dear).when(place(items=items))
    assert isinstance(rejected, OrderRejected)
    assert rejected.reason == "total"


def test_the_operators_own_prices_are_taken_and_the_category_is_the_catalogues(shop: Stage) -> None:
    [placed] = shop.when(
        PlacePricedOrder(
            order_id="O-1", customer_id="ann", currency="USD", payment_method="card",
            shipping_address=TOKYO,
            items=(ItemQuoted(product_id="tea", quantity=3, unit_price="4.20"),),
        )
    )  # fmt: skip
    assert isinstance(placed, OrderPlaced)
    assert (placed.amount, placed.category) == ("12.60", "drinks")


def test_an_own_price_with_more_digits_than_its_currency_is_invalid() -> None:
    with pytest.raises(ValidationError, match="USD has 2 digits"):
        PlacePricedOrder(
            order_id="O-1", customer_id="ann", currency="USD", payment_method="card",
            shipping_address=TOKYO,
            items=(ItemQuoted(product_id="tea", quantity=3, unit_price="4.205"),),
        )  # fmt: skip


def test_the_same_order_id_with_another_body_clashes_and_the_first_is_untouched(
    placed: Stage,
) -> None:
    before = placed.one(Order)
    assert placed.when(place(items=(ItemAsked(product_id="tea", quantity=9),))) == []
    assert placed.results() == [Result.CLASH]
    assert placed.when(place()) == []
    assert placed.results() == [Result.REPEAT]
    assert placed.one(Order) == before


def test_a_shipment_confirms_the_order_with_all_that_commit_needs(placed: Stage) -> None:
    [confirmed] = placed.when(event(ShipmentArranged))
    assert isinstance(confirmed, OrderConfirmed)
    assert facts_of(confirmed) == ORDER
    assert placed.one(Order).status is Status.CONFIRMED
    assert set(steps_of(placed)) == {"done"}
    assert placed.passes == 1


@pytest.mark.parametrize(
    ("failure", "reason", "steps"),
    [
        (StockShort, "stock", ["done", "failed", "skipped", "skipped", "skipped"]),
        (PaymentDeclined, "funds", ["done", "done", "failed", "skipped", "skipped"]),
        (ShipmentRefused, "destination", ["done", "done", "done", "failed", "skipped"]),
        (ShipmentRefused, "customer", ["done", "skipped", "skipped", "failed", "skipped"]),
    ],
)
def test_a_failure_cancels_the_order_with_its_reason(
    placed: Stage,
    failure: type[StockShort | PaymentDeclined | ShipmentRefused],
    reason: str,
    steps: list[str],
) -> None:
    [cancelled] = placed.when(event(failure, reason=reason, detail="because"))
    assert isinstance(cancelled, OrderCancelled)
    assert (cancelled.failure, cancelled.reason) == (failure.__name__, reason)
    row = placed.one(Order)
    assert (row.status, row.reason, row.detail) == (Status.CANCELLED, reason, "because")
    assert steps_of(placed) == steps
    assert placed.passes == 1


def test_a_second_failure_changes_nothing_more(placed: Stage) -> None:
    placed.when(event(StockShort, reason="stock"))
    before = placed.one(Order)
    assert placed.when(event(ShipmentRefused)) == []
    assert placed.one(Order) == before


def test_a_failure_that_overtakes_its_order_forbids_it(shop: Stage) -> None:
    assert shop.when(event(ShipmentRefused)) == []
    assert shop.when(place()) == []
    assert shop.rows(Order) == []
    assert shop.state("O-1", "place") == "forbidden"


def test_what_comes_back_is_noted_before_or_after_the_order_ends(shop: Stage) -> None:
    news = [
        event(ShipmentRefused, reason="destination"),
        event(StockReleased),
        event(PaymentRefunded),
    ]
    for order in (news, news[::-1]):
        stage = Stage("order", *listings())
        stage.when(place())
        for message in order:
            stage.when(message)
        assert steps_of(stage) == ["done", "undone", "undone", "failed", "skipped"]


def test_while_a_provider_takes_its_time_the_stock_is_shown_as_reserved(placed: Stage) -> None:
    placed.when(event(ChargeRequested))
    assert steps_of(placed) == ["done", "done", "pending", "pending", "pending"]


def test_money_returned_for_a_shipped_order_leaves_it_confirmed(placed: Stage) -> None:
    placed.when(event(ShipmentArranged))
    placed.when(event(PaymentRefunded))
    assert placed.one(Order).status is Status.CONFIRMED
    assert steps_of(placed) == ["done", "done", "undone", "done", "done"]


def test_a_cancel_asks_the_pivot_and_leaves_the_order_as_it_is(placed: Stage) -> None:
    before = placed.one(Order)
    [asked] = placed.when(CANCEL)
    assert isinstance(asked, StopRequested)
    assert (asked.reason, asked.detail, asked.shipment_partition) == (
        "customer", "too late", "Tokyo",
    )  # fmt: skip
    assert placed.one(Order) == before


def test_a_cancel_before_its_order_is_refused_and_a_later_one_works(shop: Stage) -> None:
    [refused] = shop.when(CANCEL)
    assert isinstance(refused, CancelRefused)
    assert refused.reason == "unknown"
    shop.when(place())
    [asked] = shop.when(CANCEL.model_copy(update={"request_id": "r2"}))
    assert isinstance(asked, StopRequested)


def test_nobody_cancels_the_order_of_somebody_else(placed: Stage) -> None:
    [refused] = placed.when(CANCEL.model_copy(update={"customer_id": "bob"}))
    assert isinstance(refused, CancelRefused)
    assert refused.reason == "unknown"


@pytest.mark.parametrize(
    ("ending", "reason"), [(ShipmentArranged, "confirmed"), (ShipmentRefused, "cancelled")]
)
def test_a_cancel_of_an_ended_order_is_refused(
    placed: Stage, ending: type[ShipmentArranged | ShipmentRefused], reason: str
) -> None:
    placed.when(event(ending))
    before = placed.one(Order)
    [refused] = placed.when(CANCEL)
    assert isinstance(refused, CancelRefused)
    assert refused.reason == reason
    assert placed.one(Order) == before


def test_a_price_that_arrives_after_a_newer_one_is_ignored() -> None:
    shop = Stage("order")
    facts = {"product_id": "tea", "product_name": "Tea", "category": "drinks", "currency": "USD"}
    shop.when(PriceChanged(**facts, unit_price="5.00", revision=3))
    shop.when(PriceChanged(**facts, unit_price="4.75", revision=2))
    shop.when(ProductListed(**facts, unit_price="4.50", revision=1, quantity=10))
    assert (shop.one(Listing).unit_price, shop.one(Listing).revision) == (500, 3)
    shop.when(PriceChanged(**facts, unit_price="6.00", revision=4))
    assert shop.one(Listing).unit_price == 600


def test_a_destination_is_no_business_of_order(shop: Stage) -> None:
    [placed] = shop.when(place(shipping_address=ATLANTIS))
    assert isinstance(placed, OrderPlaced)
