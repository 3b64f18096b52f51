"""Connections to one PostgreSQL, kept open and taken in turn."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any

import asyncpg

from infra.engine.errors import EngineError, Unavailable
from infra.engine.postgres.ghosts import Ghosts
from infra.engine.postgres.trouble import FAREWELL, TROUBLE, unconnected
from infra.engine.postgres.types import teach

Connection = Any  # asyncpg's own or its pool's proxy; they share no type

#: Prepared statements kept by each connection: all shapes of all tables of a process.
STATEMENTS_KEPT = 1_024
#: The longest statement that is kept prepared; one of ten wide tables has 30 KB.
STATEMENT_MAX_BYTES = 2**18
#: How long a call waits for a free connection.
ACQUIRE_MAX_S = 30.0
#: How long a connection may take to be made.
CONNECT_MAX_S = 10.0
#: How long closing waits for connections that are in use.
CLOSING_MAX_S = 5.0
#: Arguments that only a pool has.
_OF_POOLS = {"max_inactive_connection_lifetime"}
#: Statements are planned once and join by primary key: arrays of any length, tables of any size.
_SERVER_SETTINGS = {
    "plan_cache_mode": "force_generic_plan",
    "enable_seqscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "jit": "off",
}


class Pool:
    """Opened at its first use, so that an engine can be made without waiting."""

    def __init__(
        self,
        url: str | None,
        *,
        min_size: int,
        max_size: int,
        lock_wait_ms: int,
        acquire_s: float | None,
        server_settings: Mapping[str, str],
        connect: Mapping[str, Any],
    ) -> None:
        self._url = url
        self._connect = connect
        self._server_settings = dict(server_settings)
        self._acquire_s = acquire_s
        lock_timeout = {"lock_timeout": str(lock_wait_ms)}
        self._arguments: dict[str, Any] = {
            "min_size": min_size,
            "max_size": max_size,
            "statement_cache_size": STATEMENTS_KEPT,
            "max_cacheable_statement_size": STATEMENT_MAX_BYTES,
            "max_cached_statement_lifetime": 0,
            "server_settings": _SERVER_SETTINGS | lock_timeout | dict(server_settings),
            "init": self._greet,
            "timeout": CONNECT_MAX_S,
            "reset": _leave,
            **connect,
        }
        self.ghosts = Ghosts()
        self._opening = asyncio.Lock()
        self._pool: asyncpg.Pool[Any] | None = None
        self._closed = False

    @property
    def connect(self) -> dict[str, Any]:
        """What a connection of its own is opened with, to read at leisure or to hold a lock."""
        plain = {k: v for k, v in self._connect.items() if k not in _OF_POOLS}
        return {"dsn": self._url, "server_settings": self._server_settings, **plain}

    @property
    def active(self) -> int:
        """Connections in use."""
        return self._pool.get_size() - self._pool.get_idle_size() if self._pool else 0

    async def take(self) -> Connection:
        """A connection that is ours until it is given back; raises Unavailable."""
        pool = self._pool or await self._open()
        try:
            return await pool.acquire(timeout=self._acquire_s)
        except TROUBLE as error:
            # It was there once, so whatever is wrong may be right again.
            raise Unavailable(str(unconnected(error, self.connect))) from error

    async def give_back(self, connection: Connection) -> None:
        if self._pool is not None:
            await self._pool.release(connection)

    async def drop(self, connection: Connection) -> None:
        """Give back one that is good for nothing any more; it may have left by itself."""
        with suppress(asyncpg.InterfaceError):
            connection.terminate()
        await self.give_back(connection)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """A connection for some statements, each of which stands by itself."""
        connection = await self.take()
        try:
            yield connection
        except EngineError as error:
            if isinstance(error.__cause__, FAREWELL):
                await self.drop(connection)
            raise
        finally:
            await self.give_back(connection)

    async def _greet(self, connection: Connection) -> None:
        await teach(connection)
        await self.ghosts.know(connection)

    async def _open(self) -> "asyncpg.Pool[Any]":
        async with self._opening:
            if self._closed:
                raise Unavailable("the storage is closed")
            if self._pool is None:
                try:
                    self._pool = await asyncpg.create_pool(self._url, **self._arguments)
                except TROUBLE as error:
                    raise unconnected(error, self.connect) from error
            return self._pool

    async def close(self) -> None:
        self._closed = True
        if self._pool is not None:
            try:
                await asyncio.wait_for(self._pool.close(), CLOSING_MAX_S)
            except TimeoutError:  # somebody still holds one
                self._pool.terminate()
            self._pool = None


async def _leave(connection: Connection) -> None:
    """Nothing is ever set on a connection, so nothing has to be reset."""
