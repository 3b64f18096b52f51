"""Batches, lanes and parked deliveries over PostgreSQL: what holds of files holds here."""

import pytest

from tests.races.test_batches import *  # noqa: F403
from tests.races.test_lanes import *  # noqa: F403
from tests.races.test_parked import *  # noqa: F403

pytestmark = pytest.mark.service
