"""Holds over rows in PostgreSQL."""

import pytest

from tests.domains.test_holds import *  # noqa: F403

pytestmark = pytest.mark.service
