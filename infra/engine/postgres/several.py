"""Several namespaces of one PostgreSQL read through one connection, from any thread."""

import asyncio
from collections.abc import Coroutine, Iterator, Mapping
from contextlib import contextmanager, suppress
from threading import Thread
from typing import Any, TypeVar

import asyncpg

from infra.engine.errors import EngineError, Unreadable
from infra.engine.postgres.plain import spoken
from infra.engine.postgres.trouble import TROUBLE, translate, unconnected
from infra.engine.postgres.types import teach
from infra.engine.table import Value

T = TypeVar("T")

#: Rows fetched at a time.
PAGE_MAX_ROWS = 1_000
#: What a damaged store raises.
_DAMAGED = (
    asyncpg.DataError,
    asyncpg.DataCorruptedError,
    asyncpg.IndexCorruptedError,
    asyncpg.SyntaxOrAccessError,
)
_NAMES = "SELECT nspname::text FROM pg_namespace WHERE nspname !~ '^pg_' ORDER BY 1"


class PostgresSeveral:
    """Each namespace is a schema."""

    def __init__(self, loop: asyncio.AbstractEventLoop, connection: Any) -> None:
        self._loop = loop
        self._connection = connection
        self.stores = [row[0] for row in self._wait(connection.fetch(_NAMES))]

    def _wait(self, work: Coroutine[Any, Any, T]) -> T:
        try:
            return asyncio.run_coroutine_threadsafe(work, self._loop).result()
        except TROUBLE as error:
            raise _trouble(error) from error

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        self._begin()
        try:
            yield
        finally:
            with suppress(EngineError):
                self._wait(self._back())

    def _begin(self) -> None:
        self._moment = self._wait(self._begun())

    async def _begun(self) -> Any:
        moment = self._connection.transaction(isolation="repeatable_read", readonly=True)
        await moment.start()
        return moment

    def rows(self, sql: str, *values: Value) -> Iterator[tuple[Any, ...]]:
        try:
            cursor = self._wait(self._cursor(spoken(sql), values))
            while page := self._wait(_page(cursor)):
                yield from map(tuple, page)
        except Unreadable:  # who looks for the damage may go on, at another moment
            self._wait(self._back())
            self._begin()
            raise

    async def _back(self) -> None:
        await self._moment.rollback()  # of a connection that was lost it fails before it is awaited

    async def _cursor(self, sql: str, values: tuple[Value, ...]) -> Any:
        return await self._connection.cursor(sql, *values)

    def called(self, store: str) -> str:
        return f"the schema {store}"

    def has(self, store: str, table: str) -> bool:
        sql = "SELECT to_regclass(quote_ident($1) || '.' || quote_ident($2))::text"
        return self._wait(self._connection.fetchval(sql, store, table)) is not None


@contextmanager
def open_several(connect: Mapping[str, Any]) -> Iterator[PostgresSeveral]:
    """`connect` are asyncpg's arguments of a connection."""
    loop = asyncio.new_event_loop()
    thread = Thread(target=loop.run_forever, name="reads all stores", daemon=True)
    thread.start()
    try:
        opening = asyncio.run_coroutine_threadsafe(_connected(connect), loop)
        try:
            connection = opening.result()
        except TROUBLE as error:
            raise unconnected(error, connect) from error
        try:
            yield PostgresSeveral(loop, connection)
        finally:
            asyncio.run_coroutine_threadsafe(_closed(connection), loop).result()
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _page(cursor: Any) -> Any:
    return await cursor.fetch(PAGE_MAX_ROWS)


async def _connected(connect: Mapping[str, Any]) -> Any:
    connection = await asyncpg.connect(**connect)
    await teach(connection)
    return connection


async def _closed(connection: Any) -> None:
    with suppress(*TROUBLE):
        await connection.close()


def _trouble(error: BaseException) -> EngineError:
    return Unreadable(f"{error}") if isinstance(error, _DAMAGED) else translate(error)
