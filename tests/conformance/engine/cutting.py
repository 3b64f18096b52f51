"""A proxy that cuts the connection before or after the n-th request of a client."""

import asyncio
import struct
from collections.abc import Callable
from contextlib import suppress

#: How a client's bytes fall into requests: given what was received, the length of the first whole
#: message (0 if there is none yet), and whether it makes the server act.
Framing = Callable[[bytes, bool], tuple[int, bool]]


def postgres_frames(data: bytes, first: bool) -> tuple[int, bool]:
    """PostgreSQL's protocol 3 without TLS: a type and a length, but for a connection's first."""
    head = 0 if first else 1
    if len(data) < head + 4:
        return 0, False
    length = head + struct.unpack_from(">i", data, head)[0]
    acts = not first and data[:1] in (b"S", b"Q", b"H")  # Sync, Query, Flush
    return (length, acts) if len(data) >= length else (0, False)


def cassandra_frames(data: bytes, first: bool) -> tuple[int, bool]:
    """CQL's native protocol 4: nine bytes of header, with the operation and the length.

    Every statement of a transaction is prepared and executed. Not counted are QUERY, by which the
    driver looks round when it likes, its heartbeats (OPTIONS), and PREPARE, which touches no row.
    """
    if len(data) < 9:
        return 0, False
    length = 9 + struct.unpack_from(">i", data, 5)[0]
    acts = data[4] in (0x0A, 0x0D)  # EXECUTE, BATCH
    return (length, acts) if len(data) >= length else (0, False)


class Proxy:
    """Between clients and one server; `arm` it, and it cuts once, then goes on as before."""

    def __init__(self, host: str, port: int, framing: Framing) -> None:
        self._target = host, port
        self._framing = framing
        self._countdown, self._after, self._lasting = 0, False, False
        self.cut = False
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> "Proxy":
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = int(self._server.sockets[0].getsockname()[1])
        return self

    def arm(self, nth: int, after: bool, lasting: bool = False) -> None:
        """Cut before the n-th request from now on reaches the server, or after it did; a `lasting`
        cut is one of all later connections, too."""
        self._countdown, self._after, self._lasting, self.cut = nth, after, lasting, False

    def mend(self) -> None:
        """Let new connections through again."""
        self._lasting = False

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.cut and self._lasting:
            writer.close()
            return
        with suppress(OSError, asyncio.CancelledError):
            upstream, onward = await asyncio.open_connection(*self._target)
            ways = [
                asyncio.ensure_future(self._forward(reader, onward)),
                asyncio.ensure_future(_copy(upstream, writer)),
            ]
            self._tasks |= set(ways)
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            for way in ways:
                way.cancel()
            for end in (onward, writer):
                end.close()

    async def _forward(self, reader: asyncio.StreamReader, onward: asyncio.StreamWriter) -> None:
        data, first = b"", True
        while received := await reader.read(65_536):
            data += received
            while (framed := self._framing(data, first))[0]:
                length, acts = framed
                message, data, first = data[:length], data[length:], False
                if acts and self._is_due():
                    if self._after:
                        onward.write(message)
                        await onward.drain()
                    return
                onward.write(message)
            await onward.drain()

    def _is_due(self) -> bool:
        self._countdown -= 1
        self.cut = self.cut or self._countdown == 0
        return self._countdown == 0


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
