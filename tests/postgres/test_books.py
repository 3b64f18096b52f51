"""The books over PostgreSQL: all that holds of files holds here."""

import pytest

from tests.books.test_at_rest import *  # noqa: F403
from tests.books.test_under_load import *  # noqa: F403

pytestmark = pytest.mark.service
