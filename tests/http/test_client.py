"""The command line's own HTTP client."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest

from streams.http_client import HttpClient, Unreachable

ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"


@asynccontextmanager
async def served(
    answer: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
) -> AsyncIterator[str]:
    """The address of a server that does this with each connection."""
    tasks: set[asyncio.Task[Any] | None] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.current_task())
        with suppress(OSError):
            await answer(reader, writer)
            writer.close()
            await writer.wait_closed()

    async with await asyncio.start_server(handle, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        await asyncio.gather(*filter(None, tasks))


async def test_a_line_that_the_server_closed_meanwhile_is_not_waited_on() -> None:
    closed = asyncio.Event()

    async def answer_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(ANSWER)
        writer.write_eof()
        assert await reader.read() == b""  # the client has closed its end, too
        closed.set()

    async with served(answer_once) as url, HttpClient(url, tries=1) as client:
        for _ in range(3):
            async with asyncio.timeout(10):
                assert (await client.get("/")).status == 200
                await closed.wait()
            closed.clear()


async def test_who_gives_up_on_an_answer_does_not_take_it_for_the_next_one() -> None:
    asked, late = asyncio.Event(), asyncio.Event()

    async def first_late(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        if b"GET /late" in head:
            asked.set()
            await late.wait()
            writer.write(ANSWER.replace(b"200 OK", b"404 Late"))
        else:
            writer.write(ANSWER)

    async with served(first_late) as url, HttpClient(url) as client:
        given_up = asyncio.create_task(client.get("/late"))
        await asked.wait()
        given_up.cancel()
        await asyncio.gather(given_up, return_exceptions=True)
        late.set()
        assert (await client.get("/")).status == 200


async def test_who_is_patient_for_a_moment_only_is_told_that_nobody_answers() -> None:
    async def never(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with served(never) as url, HttpClient(url, answer_s=0.05, tries=1) as client:
        with pytest.raises(Unreachable, match="timeout"):
            await client.get("/")
