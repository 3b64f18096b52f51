"""Who runs the blocking calls: one dedicated thread, or the caller itself."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from threading import Thread
from typing import Any, Protocol, TypeVar, TypeVarTuple

T = TypeVar("T")
Args = TypeVarTuple("Args")


class Worker(Protocol):
    """Runs one call after the other, in order."""

    async def call(self, job: Callable[[*Args], T], *args: *Args) -> T: ...

    def stop(self) -> None:
        """Finish what was asked for, then end."""


class ThreadWorker:
    """Calls run in a thread of their own and are answered in the caller's event loop."""

    def __init__(self, name: str) -> None:
        # Needs no limit of its own: it never holds more jobs than there are waiting callers.
        self._jobs: SimpleQueue[tuple[Any, ...] | None] = SimpleQueue()
        self._thread = Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    async def call(self, job: Callable[[*Args], T], *args: *Args) -> T:
        if not self._thread.is_alive():
            raise RuntimeError(f"{self._thread.name} is closed")
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[T] = loop.create_future()
        self._jobs.put((job, args, loop, answer))
        return await answer

    def stop(self) -> None:
        self._jobs.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (asked := self._jobs.get()) is not None:
            job, args, loop, answer = asked
            result, error = None, None
            try:
                result = job(*args)
            except BaseException as raised:  # whatever it is, it belongs to the caller
                error = raised
                if isinstance(raised, StopIteration):  # which no future accepts
                    error = RuntimeError("a call to the storage raised StopIteration")
            with suppress(RuntimeError):  # the loop was closed: nobody waits for the answer
                loop.call_soon_threadsafe(_deliver, answer, result, error)
            del asked, job, args, loop, answer, result, error


class InlineWorker:
    """Calls run in the caller; nothing ever suspends, so that a simulation stays deterministic."""

    async def call(self, job: Callable[[*Args], T], *args: *Args) -> T:
        return job(*args)

    def stop(self) -> None:
        pass


def _deliver(answer: "asyncio.Future[Any]", result: Any, error: BaseException | None) -> None:
    if answer.cancelled():
        return
    if error is None:
        answer.set_result(result)
    else:
        answer.set_exception(error)
