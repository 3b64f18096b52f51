"""Parked deliveries over PostgreSQL: all that holds of files holds here."""

import pytest

from tests.ops.test_parked import *  # noqa: F403

pytestmark = pytest.mark.service
