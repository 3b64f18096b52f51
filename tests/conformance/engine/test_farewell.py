"""PostgreSQL ends a connection that nobody uses, and the news that it is closed comes late."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import pytest

from infra.engine.errors import Unavailable
from infra.engine.postgres.trouble import FAREWELL
from tests.conformance.engine.bindings import PostgresBinding, url_of
from tests.conformance.engine.cases import APPLE, TABLES, stored, values

END_OTHERS = """SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()"""
#: More than a new pool keeps.
CONNECTIONS_COUNT = 10


@asynccontextmanager
async def passing_on(address: str, farewell: asyncio.Event) -> AsyncIterator[int]:
    """The port of a proxy that keeps connections open which the server has closed."""
    host, _, port = address.rpartition(":")
    serving: set[asyncio.Task[None]] = set()

    async def copied(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(1 << 16):
            writer.write(data)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        upstream, onward = await asyncio.open_connection(host, int(port))
        asking = asyncio.ensure_future(copied(reader, onward))
        serving.add(asking)
        await copied(upstream, writer)
        farewell.set()
        await asyncio.wait([asking])
        writer.close()
        onward.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield int(server.sockets[0].getsockname()[1])
        for task in serving:
            task.cancel()


@pytest.mark.needs("postgres")
async def test_a_connection_that_was_ended_while_it_was_idle_is_unavailable_and_never_used_again(
    tmp_path: Path,
) -> None:
    binding = await asyncio.to_thread(PostgresBinding, tmp_path)
    farewell = asyncio.Event()
    async with passing_on(binding.address, farewell) as port:
        engine = binding.open(port=port)
        await engine.apply(TABLES)
        await stored(engine, (*APPLE, 3, "a"))
        other = await asyncpg.connect(url_of(binding.name))
        await other.fetch(END_OTHERS)
        await other.close()
        await farewell.wait()
        with pytest.raises(Unavailable) as told:
            await values(engine, APPLE)
        assert isinstance(told.value.__cause__, FAREWELL)
        for _ in range(CONNECTIONS_COUNT):
            try:
                assert await values(engine, APPLE) == (*APPLE, 3, "a")
                break
            except Unavailable:
                continue
        else:
            pytest.fail("its connections are never good again")
        await engine.close()
