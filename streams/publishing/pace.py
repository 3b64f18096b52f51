"""Spreads sending evenly over time."""

import asyncio


class Pace:
    """At most `rate` turns a second; without a rate, as fast as it goes."""

    def __init__(self, rate: float | None) -> None:
        self._gap = 1 / rate if rate else 0.0
        self._next = 0.0

    @property
    def limited(self) -> bool:
        """Whether there is a rate at all."""
        return bool(self._gap)

    async def turns(self, count: int = 1) -> None:
        """Wait until `count` more may be sent."""
        if not self._gap:
            return
        now = asyncio.get_running_loop().time()
        begin = max(now, self._next)
        self._next = begin + self._gap * count
        if begin > now:
            await asyncio.sleep(begin - now)
