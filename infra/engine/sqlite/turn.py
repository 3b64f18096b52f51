"""Who may hold a database transaction open on the one connection: one session at a time."""

import asyncio

from infra.engine.errors import LockedOut


class Turn:
    """A lock with a time limit, which raises LockedOut; with `inline` it never waits at all."""

    def __init__(self, wait_ms: int, inline: bool) -> None:
        self._lock = asyncio.Lock()
        self._waiting = 0
        self._seconds = wait_ms / 1000
        self._inline = inline

    async def take(self) -> None:
        if not self._lock.locked() and not self._waiting:
            await self._lock.acquire()
            return
        if self._inline:
            raise LockedOut("another transaction of this process holds the file")
        self._waiting += 1
        try:
            async with asyncio.timeout(self._seconds):
                await self._lock.acquire()
        except TimeoutError:
            raise LockedOut(f"the file was held for more than {self._seconds} s") from None
        finally:
            self._waiting -= 1

    def give_back(self) -> None:
        self._lock.release()
