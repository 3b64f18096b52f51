"""Publishing over HTTP against a server that answers as it is told to."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from schemas.inventory import Replenish
from streams.http_client import TRIES_MAX_COUNT, HttpClient, Unreachable
from streams.publishing.errors import NotAllowed, NotTaken
from streams.publishing.over_http import HttpSender
from streams.publishing.pace import Pace

MORE = [Replenish(product_id="tea", request_id=f"r{n}", quantity=5) for n in range(20)]
ACCEPTED = b'{"saga": "product:tea", "announced": [], "repeated": false}'

#: What the server does with the nth request: the bytes that it answers, b"" to hang up.
Script = Callable[[int], bytes]


def response(status: int, body: bytes = ACCEPTED, headers: str = "") -> bytes:
    return f"HTTP/1.1 {status} X\r\ncontent-length: {len(body)}\r\n{headers}\r\n".encode() + body


class Server:
    """Counts requests and connections."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.requests: list[bytes] = []
        self.connections = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r")[0])
                self.requests.append(head + await reader.readexactly(length))
                answer = self.script(len(self.requests))
                if not answer:
                    break
                writer.write(answer)
        except asyncio.IncompleteReadError:
            pass
        finally:
            writer.close()


@asynccontextmanager
async def serving(script: Script) -> AsyncIterator[tuple[Server, str]]:
    server = Server(script)
    async with await asyncio.start_server(server.serve, "127.0.0.1", 0) as listening:
        host, port = listening.sockets[0].getsockname()
        yield server, f"http://{host}:{port}"
        listening.close()


def against(script: Script, act: Callable[[Server, HttpClient], Awaitable[None]]) -> None:
    async def run() -> None:
        async with serving(script) as (server, url), HttpClient(url, lines=4) as client:
            await act(server, client)

    asyncio.run(run())


def test_connections_are_kept_and_requests_share_them() -> None:
    async def act(server: Server, client: HttpClient) -> None:
        sent = await HttpSender(client, "key", Pace(None)).send(MORE, lambda commands: None)
        assert (len(server.requests), sent.refused) == (len(MORE), [])
        assert server.connections <= 4
        assert all(b"x-odori-operator-key: key" in request for request in server.requests)

    against(lambda n: response(202), act)


def test_an_overloaded_server_is_offered_the_same_command_again() -> None:
    async def act(server: Server, client: HttpClient) -> None:
        sent = await HttpSender(client, "", Pace(None)).send(MORE[:1], lambda commands: None)
        assert len(sent.accepted) == 1
        assert len(server.requests) == 3
        assert len(set(server.requests)) == 1

    busy = response(503, b"", "retry-after: 0\r\n")
    against(lambda n: busy if n < 3 else response(202), act)


def test_a_connection_that_breaks_loses_no_command() -> None:
    async def act(server: Server, client: HttpClient) -> None:
        sent = await HttpSender(client, "", Pace(None)).send(MORE[:1], lambda commands: None)
        assert len(sent.accepted) == 1
        assert server.connections == 2

    against(lambda n: b"" if n == 1 else response(202), act)


def test_a_server_that_is_gone_is_unreachable_after_a_few_tries() -> None:
    async def act(server: Server, client: HttpClient) -> None:
        with pytest.raises(Unreachable, match="does not answer"):
            await client.get("/")
        assert len(server.requests) == TRIES_MAX_COUNT

    against(lambda n: b"", act)


def test_what_is_no_http_is_unreachable() -> None:
    async def act(server: Server, client: HttpClient) -> None:
        with pytest.raises(Unreachable):
            await client.get("/")

    against(lambda n: b"SSH-2.0-OpenSSH\r\n\r\n", act)


def test_a_server_that_takes_it_from_the_operator_only_ends_the_run() -> None:
    async def act(server: Server, client: HttpClient) -> None:
        with pytest.raises(ExceptionGroup) as caught:
            await HttpSender(client, "", Pace(None)).send(MORE[:1], lambda commands: None)
        assert caught.group_contains(NotAllowed, match="operator")

    against(lambda n: response(403), act)


def test_a_part_that_does_not_take_the_command_is_told_with_the_way_out() -> None:
    async def act(server: Server, client: HttpClient) -> None:
        with pytest.raises(ExceptionGroup) as caught:
            await HttpSender(client, "", Pace(None)).send(MORE[:1], lambda commands: None)
        assert caught.group_contains(NotTaken, match="takes no Replenish; name with --url")

    against(lambda n: response(404), act)


def test_a_refusal_is_told_with_its_reason() -> None:
    async def act(server: Server, client: HttpClient) -> None:
        sent = await HttpSender(client, "", Pace(None)).send(MORE[:1], lambda commands: None)
        assert sent.refused == [(MORE[0], "listed")]

    against(lambda n: response(409, b'{"title": "no", "reason": "listed"}'), act)


def test_a_rate_spreads_what_is_sent() -> None:
    async def run() -> float:
        loop, pace = asyncio.get_running_loop(), Pace(100)
        began = loop.time()
        for _ in range(6):
            await pace.turns()
        return loop.time() - began

    assert asyncio.run(run()) >= 0.05
