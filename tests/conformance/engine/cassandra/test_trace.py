"""A trace of the CQL: every write of a record has a condition, every read is linearizable."""

from typing import Any

import pytest
from cassandra import ConsistencyLevel
from cassandra.cluster import Session
from cassandra.query import BatchStatement

from infra.clock import now_ms
from infra.engine.errors import Conflict
from infra.engine.images import TRANSACTION_LIFETIME_MS
from infra.engine.storage import Change
from tests.conformance.engine.cases import APPLE, ORDERS, PEAR, STOCK, Use, read, stored, values

pytestmark = pytest.mark.needs("cassandra")

RYE, OAT = ("bread", "rye"), ("bread", "oat")


class Trace:
    """The CQL of every request of a session, with its consistency and serial consistency."""

    def __init__(self, session: Session) -> None:
        self.requests: list[tuple[str, str, str]] = []
        self._known = session.cluster._prepared_statements
        session.add_request_init_listener(self._note)

    def _note(self, future: Any) -> None:
        query, names = future.query, ConsistencyLevel.value_to_name
        if isinstance(query, BatchStatement):
            parts = query._statements_and_parameters
            texts = [self._known[it].query_string if known else it for known, it, _ in parts]
        elif hasattr(query, "prepared_statement"):
            texts = [query.prepared_statement.query_string]
        else:
            texts = [query.query_string]
        levels = future.message.consistency_level, future.message.serial_consistency_level
        self.requests += [(text, *map(names.get, levels)) for text in texts]

    def reads(self) -> list[tuple[str, str, str]]:
        return [request for request in self.requests if request[0].startswith("SELECT ")]

    def writes(self) -> list[tuple[str, str, str]]:
        return [request for request in self.requests if not request[0].startswith("SELECT ")]

    def unconditional(self) -> list[str]:
        return [text for text, *_ in self.writes() if " IF " not in text]


async def traced(engine: Any) -> Trace:
    return Trace(await engine.storages["cassandra"].connection.session())


async def test_every_write_of_a_record_is_conditional_and_every_read_serial(use: Use) -> None:
    async with use() as engine, use() as other:
        trace = await traced(engine)
        await in_one_phase(engine)
        await in_two_phases(engine)
        await losing(engine, other)
        await finishing_the_dead(engine, other)
        done = {text.split()[0] for text, *_ in trace.writes()}
        assert done == {"INSERT", "UPDATE", "DELETE"}
        written = {text.split()[2 if "INTO" in text else 1] for text, *_ in trace.writes()}
        assert {"shop.stock", "coordinator.state"} <= written
        assert trace.unconditional() == []
        assert {levels for _, *levels in trace.writes() if levels != ["QUORUM", "SERIAL"]} == set()
        assert {level for _, level, _ in trace.reads()} == {"SERIAL"}


def test_the_trace_shows_a_write_without_condition(binding: Any, driver: Session) -> None:
    trace = Trace(driver)
    blind = "DELETE FROM shop.orders WHERE id = 'none'"
    driver.execute(blind)
    prepared = driver.prepare(blind)
    driver.execute(BatchStatement().add(prepared, ()))
    assert trace.unconditional() == [blind, blind]


async def in_one_phase(engine: Any) -> None:
    await stored(engine, (*APPLE, 3, None), (*PEAR, 3, None))
    transaction = engine.begin()
    await transaction.fetch({STOCK: [APPLE, PEAR]})
    transaction.put(STOCK, (*APPLE, 2, None))
    transaction.delete(STOCK, PEAR)
    await transaction.commit()


async def in_two_phases(engine: Any) -> None:
    await stored(engine, (*PEAR, 3, None), (*RYE, 3, None))
    transaction = engine.begin()
    await transaction.fetch({STOCK: [APPLE, RYE]})
    await transaction.scan_index(STOCK, "shelf", "left")
    transaction.put(STOCK, (*APPLE, 1, "right"))
    transaction.delete(STOCK, RYE)
    transaction.discard(STOCK, PEAR)
    transaction.insert(ORDERS, ("o1", "placed"))
    await transaction.commit()


async def losing(engine: Any, other: Any) -> None:
    transaction = engine.begin()
    await transaction.fetch({STOCK: [APPLE]})
    await stored(other, (*OAT, 1, None))
    transaction.put(STOCK, (*APPLE, 9, None))
    transaction.insert(STOCK, (*OAT, 1, None))
    with pytest.raises(Conflict, match="oat"):
        await transaction.commit()
    assert (await values(engine, APPLE))[2] == 1


async def finishing_the_dead(engine: Any, other: Any) -> None:
    session = other.storages["cassandra"].session()
    change = Change(STOCK, [(*RYE, 1, None)], [], [(*OAT, (await read(other, OAT)).tx_id)], [], [])
    await session.prepare("dead", [change], now_ms() - TRANSACTION_LIFETIME_MS - 1)
    assert await read(engine, RYE) is None
    assert (await values(engine, OAT))[2] == 1
