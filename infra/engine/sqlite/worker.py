"""Who runs the blocking calls: a thread of its own, or the caller itself where that is quick."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from threading import Thread
from time import perf_counter
from typing import Any, Protocol, TypeVar, TypeVarTuple

from infra.engine.errors import Unavailable

T = TypeVar("T")
Args = TypeVarTuple("Args")

#: A call in the caller's thread that took longer than this, and so much for each of its rows, holds
#: up everybody else: the disk is slow. Usual are 0.3 ms to sync it, and 0.01 to 0.02 ms for a row.
BRIEF_LIMIT_S = 0.004
BRIEF_ROW_LIMIT_S = 0.0001
#: How long the caller's thread is not used after such a call; doubled each time in a row.
THREAD_FIRST_S = 0.5
#: The longest such time; a disk that was slow once is tried again.
THREAD_MAX_S = 60.0


class Worker(Protocol):
    """Runs one call after the other, in order."""

    #: Calls that were asked for and are not answered.
    under_way: int

    async def call(self, job: Callable[[*Args], T], *args: *Args) -> T: ...

    def idle(self) -> bool:
        """Whether the caller may make a short call by himself now, with `brief`."""

    def brief(self, rows: int, job: Callable[[*Args], T], *args: *Args) -> T:
        """Make a short call, which touches so many rows, in the caller's thread."""

    async def last(self, job: Callable[[*Args], T], *args: *Args) -> None:
        """Make the last call, after those that were asked for; later ones are Unavailable."""


class ThreadWorker:
    """Calls run in a thread of their own and are answered in the caller's event loop.

    A change of thread costs more than a small commit, and under load each of its statements has to
    win the interpreter back. So short calls may be made in the caller's thread, as long as they
    prove to be short.
    """

    def __init__(self, name: str) -> None:
        # Needs no limit of its own: it never holds more jobs than there are waiting callers.
        self._jobs: SimpleQueue[tuple[Any, ...] | None] = SimpleQueue()
        self.under_way, self._closed = 0, False
        self._thread_until, self._thread_s = 0.0, THREAD_FIRST_S
        self._thread = Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    async def call(self, job: Callable[[*Args], T], *args: *Args) -> T:
        return await self._ask(job, *args)

    async def last(self, job: Callable[[*Args], T], *args: *Args) -> None:
        answer = self._ask(job, *args)
        self._closed = True
        try:
            await answer
        finally:
            self._jobs.put(None)
            self._thread.join()

    def _ask(self, job: Callable[[*Args], T], *args: *Args) -> "asyncio.Future[T]":
        if self._closed:
            raise Unavailable(f"{self._thread.name} is closed")
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[T] = loop.create_future()
        self.under_way += 1
        self._jobs.put((job, args, loop, answer))
        return answer

    def idle(self) -> bool:
        if self.under_way or self._closed:
            return False
        return perf_counter() >= self._thread_until

    def brief(self, rows: int, job: Callable[[*Args], T], *args: *Args) -> T:
        begun = perf_counter()
        try:
            return job(*args)
        finally:
            ended = perf_counter()
            if ended - begun > BRIEF_LIMIT_S + rows * BRIEF_ROW_LIMIT_S:
                self._thread_until = ended + self._thread_s
                self._thread_s = min(self._thread_s * 2, THREAD_MAX_S)
            else:
                self._thread_s = THREAD_FIRST_S

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
                loop.call_soon_threadsafe(self._deliver, answer, result, error)
            del asked, job, args, loop, answer, result, error

    def _deliver(
        self, answer: "asyncio.Future[Any]", result: Any, error: BaseException | None
    ) -> None:
        self.under_way -= 1  # not before: who gave up waiting left a call that still runs
        if answer.cancelled():
            return
        if error is None:
            answer.set_result(result)
        else:
            answer.set_exception(error)


class InlineWorker:
    """Calls run in the caller; nothing ever suspends, so that a simulation stays deterministic."""

    under_way = 0

    async def call(self, job: Callable[[*Args], T], *args: *Args) -> T:
        return job(*args)

    def idle(self) -> bool:
        return True

    def brief(self, rows: int, job: Callable[[*Args], T], *args: *Args) -> T:
        return job(*args)

    async def last(self, job: Callable[[*Args], T], *args: *Args) -> None:
        job(*args)
