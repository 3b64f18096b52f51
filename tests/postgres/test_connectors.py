"""Cards over PostgreSQL: whatever is lost or overtaken, money moves once."""

import pytest

from tests.connectors.test_payment_connector import (
    test_a_charge_whose_answer_comes_after_the_orders_end_is_paid_back_once,
    test_a_void_that_overtakes_its_charge_changes_nothing,
    test_an_answer_that_was_lost_is_charged_once_and_never_taken_for_declined,
    test_nothing_is_charged_when_the_provider_comes_back_after_the_orders_end,
    test_the_books_of_many_cards_at_once_agree_with_the_providers,
)
from tests.connectors.test_restarts import (
    test_a_process_that_is_killed_between_attempt_and_answer_charges_once,
)

__all__ = [
    "test_a_charge_whose_answer_comes_after_the_orders_end_is_paid_back_once",
    "test_a_process_that_is_killed_between_attempt_and_answer_charges_once",
    "test_a_void_that_overtakes_its_charge_changes_nothing",
    "test_an_answer_that_was_lost_is_charged_once_and_never_taken_for_declined",
    "test_nothing_is_charged_when_the_provider_comes_back_after_the_orders_end",
    "test_the_books_of_many_cards_at_once_agree_with_the_providers",
]

pytestmark = pytest.mark.service
