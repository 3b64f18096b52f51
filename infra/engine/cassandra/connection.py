"""The way to a cluster: the driver answers in threads of its own, and no loop waits for it."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, NamedTuple, TypeVar

from cassandra import ConsistencyLevel
from cassandra.auth import PlainTextAuthProvider
from cassandra.cluster import (
    EXEC_PROFILE_DEFAULT,
    Cluster,
    ExecutionProfile,
    ResponseFuture,
    Session,
)
from cassandra.policies import (
    DCAwareRoundRobinPolicy,
    ExponentialReconnectionPolicy,
    FallthroughRetryPolicy,
    TokenAwarePolicy,
)
from cassandra.protocol import PrepareMessage
from cassandra.query import BatchStatement, BoundStatement, PreparedStatement

from infra.engine.cassandra.trouble import (
    CONTENTION,
    translate,
    translate_write,
    unconnected,
)
from infra.engine.cassandra.values import WholeNumbers
from infra.engine.config import CassandraStorage as Settings
from infra.engine.errors import SchemaMismatch, Unavailable

T = TypeVar("T")
Row = tuple[Any, ...]

#: Requests under way at a time; ScalarDB's parallel_executor_count.
REQUESTS_MAX_COUNT = 128
#: Longer than Cassandra itself takes to give up, so that its own word is heard.
REQUEST_LIMIT_S = 12.0
#: Connecting to a machine that does not answer.
CONNECT_LIMIT_S = 5.0
#: How long a node that is gone is left alone before it is tried again: at first, and at last. What
#: waits for it goes on that much later; a try costs nothing.
RECONNECT_WAIT_S, RECONNECT_MAX_WAIT_S = 0.5, 2.0
#: Of the wire; every Cassandra that ScalarDB knows speaks it, from 3.0 to 5.0.
PROTOCOL_VERSION = 4
#: Rows of one page of an answer: some hundred KB.
PAGE_ROWS = 1_000
#: How long a read waits each time before it asks again where writers were in its way.
CONTENTION_WAITS_S = (0.05, 0.1, 0.2, 0.4)
#: Prepared statements that are kept; each table takes some ten.
PREPARED_MAX_COUNT = 2_000


class Statement(NamedTuple):
    """CQL with question marks, and what to bind to them."""

    text: str
    values: Sequence[Any] = ()


class Connection:
    """Connects at the first use, and again at the next one if that failed."""

    def __init__(self, settings: Settings, requests: int) -> None:
        self._settings = settings
        self._session: Session | None = None
        self._closed = False
        self._connecting = asyncio.Lock()
        self._slots = asyncio.Semaphore(requests)
        self._prepared: dict[str, PreparedStatement] = {}
        #: Requests that are not answered yet.
        self.under_way = 0

    async def session(self) -> Session:
        """The driver's session, connected."""
        if self._session is None:
            async with self._connecting:
                if self._closed:
                    raise Unavailable("the storage is closed")
                if self._session is None:
                    try:
                        self._session = await asyncio.to_thread(_connect, self._settings)
                    except Exception as error:
                        raise unconnected(error) from error
        return self._session

    async def read(self, text: str, values: Sequence[Any] = ()) -> list[Row]:
        """All rows of a query, linearizable."""
        for wait in (*CONTENTION_WAITS_S, None):
            try:
                bound = await self._bound(Statement(text, values))
                bound.consistency_level = ConsistencyLevel.SERIAL
                return (await self._ask(bound))[1]
            except Exception as error:
                if wait is None or not isinstance(error, CONTENTION):
                    raise translate(error) from error
                await asyncio.sleep(wait)
        raise AssertionError("the last wait is none")

    async def write(
        self, statements: Sequence[Statement], tx_id: str
    ) -> list[Mapping[str, Any]] | None:
        """Conditional statements on one partition, all or nothing: None if they were applied, else
        rows as they are, by what the conditions name of them."""
        try:
            bound = [await self._bound(statement) for statement in statements]
        except Exception as error:
            raise translate(error) from error
        asked = bound[0]
        if len(bound) > 1:
            asked = BatchStatement()
            for one in bound:
                asked.add(one)
        try:
            names, rows = await self._ask(asked)
        except Exception as error:
            raise translate_write(error, tx_id) from error
        if rows[0][0]:
            return None
        return [dict(zip(names, row, strict=True)) for row in rows]

    async def change_schema(self, text: str) -> None:
        """Returns when all nodes have it."""
        session = await self.session()
        try:
            await asyncio.to_thread(session.execute, text)
        except Exception as error:
            raise translate(error) from error

    async def close(self) -> None:
        self._closed = True
        async with self._connecting:
            session, self._session = self._session, None
        if session:
            self._prepared.clear()
            await asyncio.to_thread(session.cluster.shutdown)

    async def _bound(self, statement: Statement) -> BoundStatement:
        prepared = self._prepared.get(statement.text)
        if prepared is None:
            prepared = await self._prepare(statement.text)
            if len(self._prepared) >= PREPARED_MAX_COUNT:
                self._prepared.clear()
            self._prepared[statement.text] = prepared
        try:
            return prepared.bind(statement.values)
        except (TypeError, ValueError, OverflowError) as error:
            raise SchemaMismatch(f"a column is of another type: {error}") from error

    async def _prepare(self, text: str) -> PreparedStatement:
        session = await self.session()

        def send() -> ResponseFuture:
            asked = _Preparing(session, PrepareMessage(text), None, REQUEST_LIMIT_S)
            asked.send_request()
            return asked

        answer, cluster = await self._answer(send), session.cluster
        prepared = PreparedStatement.from_message(
            answer.query_id,
            answer.bind_metadata,
            answer.pk_indexes,
            cluster.metadata,
            text,
            None,
            PROTOCOL_VERSION,
            answer.column_metadata,
            answer.result_metadata_id,
        )
        cluster.add_prepared(answer.query_id, prepared)
        return prepared

    async def _ask(self, statement: BoundStatement | BatchStatement) -> tuple[list[str], list[Row]]:
        session = await self.session()
        names, rows = await self._answer(lambda: session.execute_async(statement))
        return names, rows

    async def _answer(self, send: Callable[[], ResponseFuture]) -> Any:
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Any] = loop.create_future()
        before: list[Row] = []

        def settle(how: Callable[[Any], None], what: object) -> None:
            if not answer.done():  # nor given up
                how(what)

        def tell(how: Callable[[Any], None], what: object) -> None:
            with suppress(RuntimeError):  # the loop is closed, nobody waits
                loop.call_soon_threadsafe(settle, how, what)

        def take(result: Any) -> None:
            if asked.has_more_pages:
                before.extend(result[1])
                asked.start_fetching_next_page()
            else:
                tell(answer.set_result, (result[0], before + result[1]) if before else result)

        async with self._slots:
            self.under_way += 1
            try:
                asked = send()
                asked.add_callbacks(take, lambda error: tell(answer.set_exception, error))
                return await answer
            finally:
                self.under_way -= 1


class _Preparing(ResponseFuture):  # type: ignore[misc]
    # What is bound later has the types that are read here.
    _protocol_handler = WholeNumbers


async def all_of(work: Sequence[Awaitable[T]]) -> list[T]:
    """Waits for all of them even if one fails, so that nothing is late; raises the first error."""
    found = await asyncio.gather(*work, return_exceptions=True)
    for one in found:
        if isinstance(one, BaseException):
            raise one
    return found  # type: ignore[return-value]  # none of them is an exception


def _connect(settings: Settings) -> Session:
    profile = ExecutionProfile(
        load_balancing_policy=TokenAwarePolicy(DCAwareRoundRobinPolicy(settings.local_datacenter)),
        # Whatever was sent may have been applied: a conditional statement must not be sent twice.
        retry_policy=FallthroughRetryPolicy(),
        consistency_level=ConsistencyLevel.QUORUM,
        serial_consistency_level=ConsistencyLevel.SERIAL,
        request_timeout=REQUEST_LIMIT_S,
        row_factory=lambda names, rows: (names, rows),
    )
    cluster = Cluster(
        settings.contact_points,
        port=settings.contact_port,
        auth_provider=_account(settings),
        protocol_version=PROTOCOL_VERSION,
        connect_timeout=CONNECT_LIMIT_S,
        reconnection_policy=ExponentialReconnectionPolicy(RECONNECT_WAIT_S, RECONNECT_MAX_WAIT_S),
        execution_profiles={EXEC_PROFILE_DEFAULT: profile},
    )
    try:
        session = cluster.connect()
    except BaseException:
        cluster.shutdown()
        raise
    session.client_protocol_handler = WholeNumbers
    session.default_fetch_size = PAGE_ROWS
    # Cassandra gives lightweight transactions their time.
    session.use_client_timestamp = False
    return session


def _account(settings: Settings) -> PlainTextAuthProvider | None:
    if not settings.username:
        return None
    return PlainTextAuthProvider(settings.username, settings.password)
