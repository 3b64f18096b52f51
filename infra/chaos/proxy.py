"""A TCP proxy before one server: it forwards, delays, or cuts every wire."""

import asyncio
from contextlib import suppress

#: What is read at a time.
CHUNK_BYTES = 65_536
#: A server that takes longer to accept is as good as gone.
CONNECT_LIMIT_SECONDS = 10.0


class Proxy:
    """`target` (host:port) may be set after the proxy listens: a server may have to know of it."""

    def __init__(self) -> None:
        self.target = ""
        self.address = ""
        self._delay_s, self._cut = 0.0, False
        self._open: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> "Proxy":
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.address = f"127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def cut(self) -> int:
        """Reset every connection, and refuse new ones until mended; how many there were."""
        self._cut, count = True, len(self._open) // 2
        for writer in self._open:
            writer.transport.abort()
        return count

    def delay(self, seconds: float) -> None:
        """Hold back whatever passes, in either direction."""
        self._delay_s = seconds

    def mend(self) -> None:
        """Forward as at first."""
        self._cut, self._delay_s = False, 0.0

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        with suppress(OSError, TimeoutError, asyncio.CancelledError):
            await self._between(reader, writer)
        await _end(writer)

    async def _between(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._cut:
            return
        host, _, port = self.target.rpartition(":")
        async with asyncio.timeout(CONNECT_LIMIT_SECONDS):
            back, onward = await asyncio.open_connection(host, int(port))
        ends = {writer, onward}
        self._open |= ends
        ways = [
            asyncio.ensure_future(self._carry(reader, onward)),
            asyncio.ensure_future(self._carry(back, writer)),
        ]
        try:
            if not self._cut:
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._open -= ends
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            await _end(onward)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(CHUNK_BYTES):
                if self._delay_s:
                    await asyncio.sleep(self._delay_s)
                writer.write(data)
                await writer.drain()


async def _end(writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()
    with suppress(OSError):
        await writer.wait_closed()
