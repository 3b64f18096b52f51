"""Sees orders at their end: in the store itself, past every proxy."""

import asyncio
from collections.abc import Callable, Collection
from contextlib import AbstractContextManager, suppress
from time import monotonic

from infra.engine.errors import EngineError
from infra.engine.several import Several

#: How often the store is asked; times are known no better than this.
LOOK_INTERVAL_S = 0.1
_ENDED = """SELECT order_id FROM "order$order"
    WHERE status IN ('CONFIRMED', 'CANCELLED') AND order_id IN ({})"""


class Watch:
    """`opened` connects to the stores; that is done again after each trouble with them."""

    def __init__(
        self,
        opened: Callable[[], AbstractContextManager[Several]],
        waiting: Callable[[], Collection[str]],
        ended: Callable[[str, float], None],
    ) -> None:
        self._opened, self._waiting, self._ended = opened, waiting, ended
        self._looked = asyncio.Condition()
        self._begun = 0.0

    async def look(self) -> None:
        """For ever."""
        while True:
            with suppress(EngineError):
                await self._look_on()
            await asyncio.sleep(LOOK_INTERVAL_S)

    async def fresh(self) -> None:
        """Return when a look is done that began after this call."""
        now = monotonic()
        async with self._looked:
            await self._looked.wait_for(lambda: self._begun > now)

    async def _look_on(self) -> None:
        """Until something fails."""
        opening = self._opened()
        several = await asyncio.to_thread(opening.__enter__)
        try:
            while True:
                begun = monotonic()
                found = await asyncio.to_thread(_ended, several, sorted(self._waiting()))
                for order in found:
                    self._ended(order, monotonic())
                async with self._looked:
                    self._begun = begun
                    self._looked.notify_all()
                await asyncio.sleep(LOOK_INTERVAL_S)
        finally:
            await asyncio.to_thread(opening.__exit__, None, None, None)


def _ended(several: Several, orders: list[str]) -> list[str]:
    """Those of these orders that have ended."""
    if not orders:
        return []
    with several.snapshot():
        marks = ", ".join("?" * len(orders))
        return [row[0] for row in several.rows(_ENDED.format(marks), *orders)]
