"""Server-sent events: one look a second for all who watch, none while nobody does."""

import asyncio
from collections.abc import AsyncIterator, Callable

from pydantic_core import to_json
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from infra.observe import observe
from streams.dashboard.look import Look, Lookout
from streams.intake.body import busy

#: Seconds between two looks.
TICK_S = 1.0
#: Browsers that may watch at the same time.
WATCHERS_MAX_COUNT = 100


class Live:
    """Sends the changing parts of a page to everybody who watches it."""

    def __init__(self, lookout: Lookout, parts: Callable[[Look], dict[str, str]]) -> None:
        self._lookout = lookout
        self._parts = parts
        self._watchers: set[asyncio.Queue[bytes]] = set()
        self._ticker: asyncio.Task[None] | None = None
        self._closed = False

    async def stream(self, _: Request) -> Response:
        """The parts now, and again whenever they may have changed."""
        if len(self._watchers) >= WATCHERS_MAX_COUNT or self._closed:
            raise busy("too many are watching")
        headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
        return StreamingResponse(self.events(), 200, headers, "text/event-stream")

    async def events(self) -> AsyncIterator[bytes]:
        """The stream of one watcher."""
        watcher: asyncio.Queue[bytes] = asyncio.Queue(maxsize=1)
        self._watchers.add(watcher)
        if self._ticker is None or self._ticker.done():
            self._ticker = asyncio.create_task(self._tick(), name="dashboard")
        try:
            while not self._closed and (event := await watcher.get()):
                yield event
        finally:
            self._watchers.discard(watcher)

    async def _tick(self) -> None:
        while self._watchers:
            try:
                parts = self._parts(await self._lookout.look())
                self._send(b"event: parts\ndata: " + to_json(parts) + b"\n\n")
            except Exception as error:  # those who watch wait for the next look
                observe("dashboard.failed", error=repr(error))
            await asyncio.sleep(TICK_S)

    def _send(self, event: bytes) -> None:
        for watcher in self._watchers:
            if watcher.full():  # a slow browser gets the newest only
                watcher.get_nowait()
            watcher.put_nowait(event)

    async def close(self) -> None:
        """Let all who watch go; the service is stopping."""
        self._closed = True
        self._send(b"")
        if self._ticker is not None:
            self._ticker.cancel()
            await asyncio.wait([self._ticker])
