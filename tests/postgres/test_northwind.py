"""A year of trade and kill -9 over PostgreSQL, on both bindings of the bus."""

from pathlib import Path

import pytest

from tests.e2e.test_kill import killed_again_and_again
from tests.e2e.test_northwind import year

#: Each start of Python and its connections takes seconds.
KILLS_COUNT = 4

pytestmark = pytest.mark.service


async def test_northwind_on_the_embedded_bus(tmp_path: Path) -> None:
    await year(tmp_path, "")


async def test_northwind_over_kafka(tmp_path: Path, emptied: str) -> None:
    await year(tmp_path, emptied, "--via", "bus")


async def test_killed_again_and_again_on_the_embedded_bus(tmp_path: Path) -> None:
    await killed_again_and_again(tmp_path, "", print, KILLS_COUNT)


async def test_killed_again_and_again_over_kafka(tmp_path: Path, emptied: str) -> None:
    await killed_again_and_again(tmp_path, emptied, print, KILLS_COUNT)
