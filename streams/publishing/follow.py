"""Waits until orders have ended, asking about the oldest first."""

import asyncio
from collections.abc import Callable
from itertools import islice

from streams.publishing.ends import End, Ends, OrderKey

#: Orders asked about at a time.
LOOK_MAX_ORDERS = 500
#: The pause after a look that found little: asking must not slow down what is asked about.
PAUSE_S = 0.1


class Follower:
    """The orders that were sent and have not ended."""

    def __init__(self, ends: Ends, ended: Callable[[End], None]) -> None:
        self._ends = ends
        self._ended = ended
        self._waiting: dict[str, str] = {}
        self._known: set[str] = set()
        self._complete = False
        self.ends: list[End] = []

    def add(self, order: OrderKey) -> None:
        """One more to wait for; the same order again is waited for once."""
        if order[0] not in self._known:
            self._known.add(order[0])
            self._waiting[order[0]] = order[1]

    def complete(self) -> None:
        """No more will be added."""
        self._complete = True

    @property
    def waiting(self) -> list[str]:
        """The ids of those that have not ended."""
        return list(self._waiting)

    async def run(self, patience_s: float) -> None:
        """Return when all have ended, or when none has ended for so long."""
        loop = asyncio.get_running_loop()
        news = loop.time()
        while self._waiting or not self._complete:
            asked = list(islice(self._waiting.items(), LOOK_MAX_ORDERS))
            found = await self._ends.look(asked) if asked else []
            for end in found:
                if self._waiting.pop(end.order_id, None) is not None:
                    self.ends.append(end)
                    self._ended(end)
            for order, customer in asked:  # those that did not end go to the back
                if self._waiting.pop(order, None) is not None:
                    self._waiting[order] = customer
            if found or not self._complete:
                news = loop.time()
            elif loop.time() - news > patience_s:
                return
            if len(found) * 2 <= len(asked):
                await asyncio.sleep(PAUSE_S)
