"""Requests and commands beside one another over PostgreSQL, and those whose process dies."""

from pathlib import Path

import pytest

from tests.e2e.test_two_processes import (
    keys_in_flight,
    test_a_command_that_another_process_published_is_seen_within_a_second,
)
from tests.http.test_trouble import test_a_row_that_the_store_refuses_fails_its_own_request_only

__all__ = [
    "test_a_command_that_another_process_published_is_seen_within_a_second",
    "test_a_row_that_the_store_refuses_fails_its_own_request_only",
]

pytestmark = pytest.mark.service


async def test_a_key_in_flight_when_the_process_dies_is_answered_once(tmp_path: Path) -> None:
    await keys_in_flight(0, tmp_path)
