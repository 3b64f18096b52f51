"""A store that is locked for a moment, or does not answer yet, is waited for, within a limit."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import TypeVar

from infra.engine.errors import LockedOut, Unavailable
from infra.observe import observe

#: How long a start waits for a locked store: a backup or somebody's `sqlite3` is done by then.
LOCK_LIMIT_S = 30.0
#: Between two tries; each waits for the lock itself, too.
LOCK_LOOK_S = 0.2
#: Between two tries to reach a store.
ANSWER_LOOK_S = 0.5
#: What a store has at the least to answer a first request.
ANSWER_TRY_S = 1.0

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


async def until_answered(act: Callable[[], Awaitable[T]], what: str, seconds: float) -> T:
    """The result of `act`, tried again while the store does not answer; then raises Unavailable."""
    loop, said = asyncio.get_running_loop(), False
    end = loop.time() + seconds
    while True:
        try:
            async with asyncio.timeout_at(max(end, loop.time() + ANSWER_TRY_S)):
                return await act()
        except (Unavailable, TimeoutError) as error:
            if loop.time() + ANSWER_LOOK_S > end:
                why = str(error) or "it is silent"
                way_out = "start it, or mend the address in ODORI_STORE"
                raise Unavailable(f"no answer for {seconds:.0f} s ({why}); {way_out}") from error
            if not said:
                observe("store.waiting", store=what, error=str(error), seconds=seconds)
                said = True
            await asyncio.sleep(ANSWER_LOOK_S)


async def side_by_side(*waits: Coroutine[None, None, None]) -> None:
    """Wait for all of them at once; the first that fails ends the others, and is raised."""
    tasks = [asyncio.create_task(wait) for wait in waits]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
