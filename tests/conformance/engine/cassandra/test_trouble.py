"""Trouble with Cassandra: what is known of a write's outcome, and what is told of it."""

import asyncio
from typing import Any

import cassandra
import pytest
from cassandra import ConsistencyLevel, WriteType
from cassandra.cluster import NoHostAvailable
from cassandra.connection import ConnectionShutdown
from cassandra.policies import HostStateListener

from infra.engine.cassandra import CassandraStorage
from infra.engine.cassandra.trouble import translate, translate_write, unconnected
from infra.engine.cassandra.writing import BATCH_MAX_ROWS, UNIT_MAX_ROWS
from infra.engine.config import CassandraStorage as Settings
from infra.engine.consensus import ConsensusCommit
from infra.engine.errors import (
    ConfigError,
    Conflict,
    EngineError,
    InvalidRequest,
    SchemaMismatch,
    Unavailable,
    UnknownOutcome,
    WriteRefused,
)
from infra.engine.storage import Change
from infra.engine.table import Key
from tests.conformance.engine.cases import APPLE, ORDERS, PEAR, STOCK, Use, read, stored, values
from tests.conformance.engine.shop import emptied
from tests.services import cassandra as server
from tests.services import need
from tests.services.process import free_ports

#: Twice the longest wait of the driver, and some time for a slow machine.
FOUND_AGAIN_LIMIT_S = 30


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (cassandra.WriteTimeout("", write_type=WriteType.CAS), UnknownOutcome),
        (cassandra.WriteTimeout("", write_type=WriteType.SIMPLE), UnknownOutcome),
        (cassandra.OperationTimedOut(), UnknownOutcome),
        (ConnectionShutdown(""), UnknownOutcome),
        (cassandra.WriteFailure("", write_type=WriteType.CAS), UnknownOutcome),
        # Too few replicas to begin, and too few for the commit of what was accepted.
        (cassandra.Unavailable("", consistency=ConsistencyLevel.SERIAL), Unavailable),
        (cassandra.Unavailable("", consistency=ConsistencyLevel.QUORUM), UnknownOutcome),
        (NoHostAvailable("", {}), Unavailable),
        (cassandra.InvalidRequest("Request is too big"), WriteRefused),
        (cassandra.InvalidRequest("table stock does not exist"), SchemaMismatch),
    ],
    ids=repr,
)
def test_a_write_that_may_have_been_applied_is_told_as_unknown(
    error: Exception, told: type[EngineError]
) -> None:
    found = translate_write(error, "tx")
    assert type(found) is told
    assert getattr(found, "tx_id", "tx") == "tx"


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (cassandra.ReadTimeout(""), Unavailable),
        (cassandra.Unavailable("", consistency=ConsistencyLevel.QUORUM), Unavailable),
        (cassandra.InvalidRequest("Undefined column name x"), SchemaMismatch),
        (cassandra.InvalidRequest("anything else"), InvalidRequest),
    ],
    ids=repr,
)
def test_a_read_wrote_nothing(error: Exception, told: type[EngineError]) -> None:
    assert type(translate(error)) is told


def test_a_password_that_every_node_refuses_is_a_setting_that_cannot_be_used() -> None:
    refused, away = cassandra.AuthenticationFailed("Bad credentials"), ConnectionRefusedError()
    told = unconnected(NoHostAvailable("", {"10.0.0.1:9042": refused}))
    assert type(told) is ConfigError
    assert "10.0.0.1:9042" in str(told)
    some = unconnected(NoHostAvailable("", {"10.0.0.1:9042": refused, "10.0.0.2:9042": away}))
    assert type(some) is type(unconnected(NoHostAvailable("", {}))) is Unavailable


async def test_where_nobody_listens_every_call_is_unavailable() -> None:
    port = free_ports(1)[0]
    storage = CassandraStorage(Settings("cassandra", ("127.0.0.1",), port))
    engine = ConsensusCommit([storage])
    for _ in range(2):
        with pytest.raises(Unavailable, match=f"127.0.0.1:{port}"):
            await read(engine, APPLE)
        with pytest.raises(Unavailable):
            await stored(engine, (*APPLE, 1, None))
    await engine.close()


@pytest.mark.service
async def test_a_node_that_was_killed_is_used_again_and_nothing_is_half() -> None:
    need(server.lacking())
    with server.running() as node:
        settings = Settings("cassandra", ("127.0.0.1",), node.port)
        await emptied(settings)
        storage = CassandraStorage(settings)
        engine = ConsensusCommit([storage])
        await stored(engine, (*APPLE, 1, None))
        writing = [asyncio.ensure_future(orders(engine, number)) for number in range(40)]
        await asyncio.wait(writing, return_when=asyncio.FIRST_COMPLETED)
        await asyncio.to_thread(node.kill)
        with pytest.raises((Unavailable, UnknownOutcome)):
            await stored(engine, (*PEAR, 1, None))
        await asyncio.wait(writing)
        up = Up()
        (await storage.connection.session()).cluster.register_listener(up)
        await asyncio.to_thread(node.start)
        await asyncio.wait_for(up.seen.wait(), FOUND_AGAIN_LIMIT_S)
        assert await values(engine, APPLE) == (*APPLE, 1, None)
        for work in writing:
            assert isinstance(work.exception(), (Unavailable, UnknownOutcome, type(None)))
        # What was left half-way has to expire before others may finish it.
        later = ConsensusCommit([CassandraStorage(settings)], clock=lambda: 2**42)
        for number in range(40):
            found = [
                await read(later, key, table)
                for table, key in ((ORDERS, (f"o{number}",)), (STOCK, ("order", f"o{number}")))
            ]
            assert (found[0] is None) == (found[1] is None)
        for one in (engine, later):
            await one.close()


async def orders(engine: Any, number: int) -> None:
    """One transaction over two tables."""
    transaction = engine.begin()
    transaction.insert(ORDERS, (f"o{number}", "new"))
    transaction.insert(STOCK, ("order", f"o{number}", 1, None))
    await transaction.commit()


class Up(HostStateListener):  # type: ignore[misc]
    """Waits until the driver has found a node again."""

    def __init__(self) -> None:
        self.seen = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    def on_up(self, host: object) -> None:
        self._loop.call_soon_threadsafe(self.seen.set)

    def on_down(self, host: object) -> None: ...
    def on_add(self, host: object) -> None: ...
    def on_remove(self, host: object) -> None: ...


@pytest.mark.needs("cassandra")
class TestUnits:
    def unit(self, *keys: Key) -> Change:
        return Change(STOCK, [(*key, 1, None) for key in keys], [], [], [], [])

    async def test_a_unit_is_rows_of_one_partition(self, use: Use) -> None:
        async with use() as engine:
            storage = engine.storages["cassandra"]
            here, there = self.unit(APPLE, PEAR), self.unit(("bread", "rye"))
            assert storage.is_one_unit([here])
            assert not storage.is_one_unit([self.unit(APPLE, ("bread", "rye"))])
            assert not storage.is_one_unit([here, there._replace(table=ORDERS)])
            assert not storage.is_one_unit([here._replace(discards=[("fruit", "fig")])])
            many = [("fruit", f"p{i}") for i in range(UNIT_MAX_ROWS + 1)]
            assert storage.is_one_unit([self.unit(*many[1:])])
            assert not storage.is_one_unit([self.unit(*many)])

    async def test_many_rows_of_a_partition_are_prepared_and_finished_in_batches(
        self, use: Use
    ) -> None:
        async with use() as engine:
            keys = [("fruit", f"p{i:03}") for i in range(BATCH_MAX_ROWS * 2 + 1)]
            transaction = engine.begin()
            for key in keys:
                transaction.insert(STOCK, (*key, 1, None))
            transaction.insert(ORDERS, ("o1", "new"))
            await transaction.commit()
            images = await engine.storages["cassandra"].images(STOCK, keys)
            assert {image["tx_state"] for image in images.values()} == {3}
            assert len(images) == len(keys)

    async def test_one_row_of_many_that_lost_is_named_and_nothing_is_left(self, use: Use) -> None:
        async with use() as engine:
            keys = [("fruit", f"p{i:03}") for i in range(BATCH_MAX_ROWS + 9)]
            await stored(engine, (*keys[-2], 5, None))
            for other in ([], [("o1", "new")]):
                transaction = engine.begin()
                for key in keys:
                    transaction.insert(STOCK, (*key, 1, None))
                for row in other:
                    transaction.insert(ORDERS, row)
                with pytest.raises(Conflict, match=keys[-2][1]):
                    await transaction.commit()
                assert list(await engine.storages["cassandra"].images(STOCK, keys)) == [keys[-2]]
