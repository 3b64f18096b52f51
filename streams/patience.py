"""A store that another program has locked for a moment is waited for, within a limit."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from infra.engine.errors import LockedOut
from infra.observe import observe

#: How long a start waits for a locked store: a backup or somebody's `sqlite3` is done by then.
LOCK_LIMIT_S = 30.0
#: Between two tries; each waits for the lock itself, too.
LOCK_LOOK_S = 0.2

T = TypeVar("T")


async def patiently(act: Callable[[], Awaitable[T]], what: str) -> T:
    """The result of `act`, tried again while the store is locked; then raises LockedOut."""
    loop = asyncio.get_running_loop()
    end = loop.time() + LOCK_LIMIT_S
    while True:
        try:
            return await act()
        except LockedOut as error:
            if loop.time() > end:
                raise LockedOut(f"{what}: {error} for {LOCK_LIMIT_S:.0f} s") from error
            observe("store.locked", store=what, error=str(error))
            await asyncio.sleep(LOCK_LOOK_S)
