"""A lean HTTP client for the command line: keep-alive lines, one request at a time on each."""

import asyncio
import json
import ssl
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, cast
from urllib.parse import urlsplit

import httptools

#: Lines kept open to one server; more only wait in its queue.
LINES_MAX_COUNT = 64
#: How long one answer may take.
ANSWER_LIMIT_S = 30.0
#: How often one request is tried when its line breaks; every request of ours may be repeated.
TRIES_MAX_COUNT = 3


class Unreachable(Exception):
    """Nobody answers at this address."""


@dataclass(slots=True)
class Answer:
    """What the server said."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    def json(self) -> Any:
        """The body as JSON; raises ValueError."""
        return json.loads(self.body)


class _Line(asyncio.Protocol):
    """One connection; httptools calls the on_* methods while it reads."""

    def __init__(self) -> None:
        self._answer = Answer()
        self._waiting: asyncio.Future[Answer] | None = None
        self._parser = httptools.HttpResponseParser(self)
        self.closed = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    async def ask(self, request: bytes, limit_s: float) -> Answer:
        self._answer = Answer()
        self._waiting = asyncio.get_running_loop().create_future()
        self.transport.write(request)
        async with asyncio.timeout(limit_s):
            return await self._waiting

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._fail(ConnectionResetError(f"no HTTP: {error}"))

    def on_header(self, name: bytes, value: bytes) -> None:
        self._answer.headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_body(self, body: bytes) -> None:
        self._answer.body += body

    def on_message_complete(self) -> None:
        self._answer.status = self._parser.get_status_code()
        self.closed = self.closed or not self._parser.should_keep_alive()
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(self._answer)

    def connection_lost(self, exc: Exception | None) -> None:
        self._fail(exc or ConnectionResetError("the server closed the connection"))

    def _fail(self, error: Exception) -> None:
        self.closed = True
        self.transport.close()
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(error)


class HttpClient:
    """Requests to one server, at most `lines` at a time; the others wait their turn."""

    def __init__(
        self,
        url: str,
        lines: int = LINES_MAX_COUNT,
        *,
        answer_s: float = ANSWER_LIMIT_S,
        tries: int = TRIES_MAX_COUNT,
    ) -> None:
        parts = urlsplit(url if "//" in url else f"//{url}")
        self.url = url.rstrip("/")
        self._tls = ssl.create_default_context() if parts.scheme == "https" else None
        self._host = parts.hostname or "127.0.0.1"
        self._port = parts.port or (443 if self._tls else 80)
        self._prefix = parts.path.rstrip("/")
        self._answer_s, self._tries = answer_s, tries
        self._turns = asyncio.Semaphore(lines)
        self._idle: list[_Line] = []

    async def __aenter__(self) -> "HttpClient":
        return self

    async def __aexit__(self, *_: object) -> None:
        for line in self._idle:
            line.transport.close()

    async def get(self, path: str) -> Answer:
        """The JSON of this path."""
        return await self.request("GET", path, headers={"accept": "application/json"})

    async def request(
        self, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None
    ) -> Answer:
        """One request; tried again on a new line if the old one broke. Raises Unreachable."""
        fields = {"host": f"{self._host}:{self._port}", "content-length": str(len(body))}
        fields |= headers or {}
        head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        request = f"{method} {self._prefix}{path} HTTP/1.1\r\n{head}\r\n".encode() + body
        async with self._turns:
            trouble: Exception | None = None
            for _ in range(self._tries):
                try:
                    return await self._once(request)
                except (OSError, TimeoutError) as error:
                    trouble = error
        raise Unreachable(f"{self.url} does not answer: {str(trouble) or 'timeout'}")

    async def _once(self, request: bytes) -> Answer:
        line = self._waiting() or await self._connect()
        try:
            return await line.ask(request, self._answer_s)
        except (TimeoutError, asyncio.CancelledError):  # its answer may still come
            line.closed = True
            raise
        finally:
            if line.closed:
                with suppress(OSError):
                    line.transport.close()
            else:
                self._idle.append(line)

    def _waiting(self) -> _Line | None:
        """A line that nobody uses, and that the server has not closed meanwhile."""
        while self._idle:
            line = self._idle.pop()
            if not line.closed:
                return line
        return None

    async def _connect(self) -> _Line:
        loop = asyncio.get_running_loop()
        _, line = await loop.create_connection(_Line, self._host, self._port, ssl=self._tls)
        return line
