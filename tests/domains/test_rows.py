"""Rows and parts made without validation still have all their fields and no others."""

import pytest

from schemas.fields import ItemPriced, built
from tests.trade import wallet


def test_a_changed_row_is_a_new_row_and_the_old_one_stays() -> None:
    before = wallet(100)
    after = before.but(balance=50)
    assert (before.balance, after.balance, after.key) == (100, 50, before.key)
    assert after == wallet(100).but(balance=50) != before


@pytest.mark.parametrize("change", [{"ballance": 5}, {"balance": 5, "owner": "bob"}])
def test_a_field_that_does_not_exist_is_a_bug(change: dict[str, object]) -> None:
    with pytest.raises(TypeError, match="Wallet"):
        wallet(100).but(**change)


def test_a_part_that_lacks_a_field_is_a_bug() -> None:
    with pytest.raises(TypeError, match="unit_price"):
        built(ItemPriced, {"product_id": "tea", "quantity": 1, "category": "drinks"})


def test_money_is_shown_as_decimal_strings() -> None:
    shown = wallet(12_345).public()
    assert (shown["balance"], shown["toppedUp"], shown["currency"]) == ("123.45", "0.00", "USD")
