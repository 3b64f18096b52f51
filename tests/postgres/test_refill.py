"""A Kafka that lost everything is filled again from PostgreSQL."""

import pytest

from tests.kafka.test_refill import test_every_saga_ends_on_a_broker_that_knows_nothing_of_it

__all__ = ["test_every_saga_ends_on_a_broker_that_knows_nothing_of_it"]

pytestmark = pytest.mark.service
