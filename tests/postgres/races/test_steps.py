"""What each domain does in a race, and all of them together, over rows in PostgreSQL."""

import pytest

from tests.domains.test_dance import *  # noqa: F403
from tests.domains.test_inventory import *  # noqa: F403
from tests.domains.test_order import *  # noqa: F403
from tests.domains.test_payment import *  # noqa: F403
from tests.domains.test_shipping import *  # noqa: F403

pytestmark = pytest.mark.service
