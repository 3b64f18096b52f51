"""A data folder in which everything happened and nothing moves any more."""

import asyncio
import shutil
from pathlib import Path

import pytest

from tests.books.trading import at_rest, open_shop, trade, trading


async def _a_day_of_trade(data: Path) -> None:
    async with trading(data) as system:
        await open_shop(system)
        await trade(system)
        await at_rest(data)


@pytest.fixture(scope="session")
def _traded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = tmp_path_factory.mktemp("traded") / "data"
    asyncio.run(_a_day_of_trade(data))
    return data


@pytest.fixture
def traded(_traded: Path, tmp_path: Path) -> Path:
    """A copy of one's own."""
    return Path(shutil.copytree(_traded, tmp_path / "data"))
