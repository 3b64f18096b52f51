"""An event loop on virtual time: it never waits, and the same seed always runs the same way."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

#: Turns of the loop at one moment; beyond that somebody runs in a circle.
TURNS_MAX_COUNT = 20_000


class Circle(AssertionError):
    """Somebody is so busy that time does not pass."""


class NothingLeft(AssertionError):
    """Everybody waits for something that nobody will ever do."""


class VirtualLoop(asyncio.BaseEventLoop):
    """Time passes only when all that is ready has run, and then at once."""

    def __init__(self) -> None:
        super().__init__()
        self._selector = self
        self._passed_s = 0.0
        self._turns = 0

    def time(self) -> float:
        return self._passed_s

    def select(self, timeout: float | None) -> list[Any]:
        """What a selector would do: let time pass until the next timer."""
        if timeout is None:
            raise NothingLeft
        self._turns = 0 if timeout > 0 else self._turns + 1
        if self._turns > TURNS_MAX_COUNT:
            raise Circle(f"at {self._passed_s:.3f} s")
        self._passed_s += max(0.0, timeout)
        return []

    def _process_events(self, events: list[Any]) -> None:
        """There are no sockets."""

    def _write_to_self(self) -> None:
        """Nobody waits in a selector."""


async def passing(seconds: float) -> None:
    """Let virtual time pass."""
    loop = asyncio.get_running_loop()
    done = loop.create_future()
    timer = loop.call_later(seconds, _finish, done)
    try:
        await done
    finally:
        timer.cancel()


def _finish(done: "asyncio.Future[None]") -> None:
    if not done.done():
        done.set_result(None)


def run_virtually(main: Coroutine[Any, Any, T], tasks: Any = None) -> T:
    """Run to the end on a loop of its own, with tasks made by this factory."""
    loop = VirtualLoop()
    loop.set_task_factory(tasks)
    try:
        return loop.run_until_complete(main)
    finally:
        loop.close()
