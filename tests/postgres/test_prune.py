"""Pruning over PostgreSQL: all that holds of files holds here."""

import pytest

from tests.ops.test_prune import (
    test_lanes_of_processes_that_are_gone_go_with_their_positions,
    test_orders_have_ended_as_they_had_before,
    test_the_books_go_on_without_the_messages,
    test_what_a_connector_has_not_heard_stays,
    test_what_a_subscriber_has_not_heard_stays,
)

__all__ = [
    "test_lanes_of_processes_that_are_gone_go_with_their_positions",
    "test_orders_have_ended_as_they_had_before",
    "test_the_books_go_on_without_the_messages",
    "test_what_a_connector_has_not_heard_stays",
    "test_what_a_subscriber_has_not_heard_stays",
]

pytestmark = pytest.mark.service
