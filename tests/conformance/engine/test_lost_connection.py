"""The connection is lost before and after each request: all or nothing, and said truly."""

from dataclasses import dataclass, field
from typing import Any

import pytest

from infra.engine.config.settings import CommitOptions, GroupCommitOptions
from infra.engine.engine import Isolation
from infra.engine.errors import Conflict, EngineError, LockedOut, Unavailable, UnknownOutcome
from tests.conformance.engine.cases import APPLE, ORDERS, PEAR, STOCK, TABLES, stored
from tests.conformance.engine.cutting import Proxy
from tests.conformance.engine.protocol import LONG_AGO_MS, Clock

#: More requests than any of these transactions has.
REQUESTS_MAX_COUNT = 40


@dataclass(frozen=True)
class Way:
    """How an order is committed; `beside` the stock that it takes, in the same partition, or in a
    table of its own."""

    options: CommitOptions = field(default_factory=CommitOptions)
    how: dict[str, Any] = field(default_factory=dict)
    beside: bool = False

    def order(self, number: int) -> tuple[Any, tuple[Any, ...], tuple[Any, ...]]:
        """Table, key and row."""
        if self.beside:
            return STOCK, (key := ("fruit", f"o{number}")), (*key, 1, None)
        return ORDERS, (f"o{number}",), (f"o{number}", "new")

    async def moved(self, engine: Any, number: int) -> Any:
        """Move one from the apples to the pears, and write an order: three rows."""
        table, _, row = self.order(number)
        transaction = engine.begin(**self.how)
        try:
            await transaction.fetch({STOCK: [APPLE, PEAR, ("fruit", "fig")]})
            apples, pears = (transaction.seen(STOCK, key).values[2] for key in (APPLE, PEAR))
            transaction.put(STOCK, (*APPLE, apples - 1, None))
            transaction.put(STOCK, (*PEAR, pears + 1, None))
            transaction.insert(table, row)
            await transaction.commit()
        finally:
            await transaction.rollback()
        return transaction


THREE_PHASES = CommitOptions(one_phase_commit=False)
GROUPED = CommitOptions(one_phase_commit=False, group_commit=GroupCommitOptions(enabled=True))
WAYS = {
    "one partition": Way(beside=True),
    "validated": Way(THREE_PHASES, {"isolation": Isolation.SERIALIZABLE}),
    "grouped": Way(GROUPED),
}
#: Where one transaction of the database holds rows of several tables.
WIDER_WAYS = {"two tables": Way(), "locked": Way(how={"locked": True})}


before_and_after = pytest.mark.parametrize("after", [False, True], ids=["before", "after"])


@pytest.mark.needs("lose")
@before_and_after
@pytest.mark.parametrize("way", WAYS)
async def test_a_cut_leaves_all_or_nothing_and_is_told_truly(
    binding: Any, way: str, after: bool
) -> None:
    unknown = await cut_at_each(binding, WAYS[way], after)
    if WAYS[way].options.one_phase_commit:
        assert unknown
    elif "cassandra" not in binding.can:  # whose driver may stay away for longer
        assert not unknown, "the coordinator is asked again"


@pytest.mark.needs("lose")
@pytest.mark.needs("lock")
@before_and_after
@pytest.mark.parametrize("way", WIDER_WAYS)
async def test_a_cut_of_one_phase_over_two_tables_is_told_truly(
    binding: Any, way: str, after: bool
) -> None:
    assert await cut_at_each(binding, WIDER_WAYS[way], after)


@pytest.mark.needs("lose")
async def test_a_decision_that_nobody_can_be_asked_for_is_unknown_until_somebody_can(
    binding: Any,
) -> None:
    assert await cut_at_each(binding, Way(THREE_PHASES), after=True, lasting=True)


async def cut_at_each(binding: Any, way: Way, after: bool, lasting: bool = False) -> int:
    """Orders, each cut one request later, until one is not; how many outcomes were unknown."""
    clock = Clock()
    direct = binding.open(clock=clock, options=way.options)
    await direct.apply(TABLES)
    await direct.admin.create_coordinator_tables()
    await stored(direct, (*APPLE, 1_000, None), (*PEAR, 0, None))
    done, unknown, number = 0, 0, 0
    host, port = binding.address.split(":")
    async with Proxy(host, int(port), binding.framing) as proxy:
        for number in range(1, REQUESTS_MAX_COUNT):
            engine = binding.open(port=proxy.port, options=way.options, clock=clock, busy_ms=200)
            proxy.arm(number, after, lasting)
            told, tx_id = await outcome(engine, way, number)
            clock.now += LONG_AGO_MS
            proxy.mend()
            if told is None:
                unknown += 1
                told = await engine.outcome(tx_id, way.order(number)[:2])
            await engine.close()
            assert await is_whole(direct, way, number, done) == told
            done += bool(told)
            if not proxy.cut:
                break
    assert told, "the last one was not cut"
    assert number > 2
    await direct.close()
    return unknown


async def outcome(engine: Any, way: Way, number: int) -> tuple[bool | None, str]:
    """Whether it says that it is committed, or None if it does not know; the transaction's id."""
    try:
        transaction = await way.moved(engine, number)
    except UnknownOutcome as error:
        return None, error.tx_id
    except (Unavailable, Conflict, LockedOut):
        return False, ""
    return True, transaction.id


async def is_whole(engine: Any, way: Way, number: int, before: int) -> bool:
    """Whether the n-th order happened: with all its rows, or with none."""
    table, key, _ = way.order(number)
    asked = engine.begin()
    try:
        await asked.fetch({STOCK: [APPLE, PEAR]})
        await asked.fetch({table: [key]})
    except EngineError as error:  # whoever was cut off left nothing that blocks for ever
        raise AssertionError(f"after {number}") from error
    happened = asked.seen(table, key) is not None
    left = [asked.seen(STOCK, key).values[2] for key in (APPLE, PEAR)]
    count = before + happened
    assert left == [1_000 - count, count], f"after {number}"
    return happened
