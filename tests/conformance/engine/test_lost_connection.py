"""The connection is lost before and after each request: all or nothing, and said truly."""

from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, ClassVar

import pytest

from infra.engine.config.settings import CommitOptions, GroupCommitOptions
from infra.engine.engine import Isolation
from infra.engine.errors import Conflict, EngineError, LockedOut, Unavailable, UnknownOutcome
from tests.conformance.engine.cases import APPLE, ORDERS, PEAR, STOCK, TABLES, stored
from tests.conformance.engine.cutting import Proxy
from tests.conformance.engine.protocol import LONG_AGO_MS, Clock, is_whole, on_disk

#: More requests than any of these transactions has.
REQUESTS_MAX_COUNT = 80
#: What is read and not there, and so has to be validated.
FIG = ("fruit", "fig")


@dataclass(frozen=True)
class Way:
    """How an order is committed; `beside` the stock that it takes, in the same partition, or in a
    table of its own."""

    options: CommitOptions = field(default_factory=CommitOptions)
    how: dict[str, Any] = field(default_factory=dict)
    beside: bool = False
    #: Processes that take part, each over connections of its own.
    processes: ClassVar[int] = 1

    def order(self, number: int) -> tuple[Any, tuple[Any, ...], tuple[Any, ...]]:
        """Table, key and row."""
        if self.beside:
            return STOCK, (key := ("fruit", f"o{number}")), (*key, 1, None)
        return ORDERS, (f"o{number}",), (f"o{number}", "new")

    async def moved(self, engines: list[Any], number: int) -> str:
        """Move one from the apples to the pears, and write an order: three rows."""
        transaction = engines[0].begin(**self.how)
        try:
            await transaction.fetch({STOCK: [APPLE, PEAR, FIG]})
            await self.take(transaction, number, -1)
            await self.take(transaction, number, +1)
            await transaction.commit()
        finally:
            await transaction.rollback()
        return str(transaction.id)

    async def take(self, transaction: Any, number: int, change: int) -> None:
        """One apple less, or one pear more and the order."""
        key = PEAR if change > 0 else APPLE
        await transaction.fetch({STOCK: [key, FIG]})
        transaction.put(STOCK, (*key, transaction.seen(STOCK, key).values[2] + change, None))
        if change > 0:
            table, _, row = self.order(number)
            transaction.insert(table, row)

    async def outcome(
        self, engines: list[Any], direct: Any, number: int, before: int
    ) -> tuple[bool | None, str]:
        """Whether it says that it is committed, or None if it does not know; its id."""
        try:
            return True, await self.moved(engines, number)
        except UnknownOutcome as error:
            return None, error.tx_id
        except (Unavailable, Conflict, LockedOut):
            return False, ""


class Shared(Way):
    """Two processes, each with its share of the rows."""

    processes = 2

    async def moved(self, engines: list[Any], number: int) -> str:
        shares = [engines[0].participate(**self.how)]
        shares.append(engines[1].participate(shares[0].id, **self.how))
        try:
            for share, change in zip(shares, (-1, +1), strict=True):
                await self.take(share.batch, number, change)
            for share in shares:
                await share.prepare()
            for share in shares:
                await share.validate()
        except EngineError:
            for share in shares:
                await share.rollback()
            raise
        for share in shares:
            await share.commit()
        return str(shares[0].id)


@dataclass(frozen=True)
class Recovered(Way):
    """What somebody prepared before he died, read by one who is cut."""

    #: What the coordinator says of it; None: nothing, for long.
    decided: bool | None = None

    async def outcome(
        self, engines: list[Any], direct: Any, number: int, before: int
    ) -> tuple[bool | None, str]:
        dead = direct.participate()
        await self.take(dead.batch, number, -1)
        await self.take(dead.batch, number, +1)
        await dead.prepare()
        if self.decided is None:
            direct.clock.now += LONG_AGO_MS
        elif self.decided:
            await direct.coordinator.commit(dead.id)
        else:
            await direct.coordinator.abort_own(dead.id)
        with suppress(Unavailable):
            assert await happened(engines[0], self, number, before) == bool(self.decided)
        return bool(self.decided), dead.id


THREE_PHASES = CommitOptions(one_phase_commit=False)
GROUPED = CommitOptions(one_phase_commit=False, group_commit=GroupCommitOptions(enabled=True))
WAYS = {
    "one partition": Way(beside=True),
    "validated": Way(THREE_PHASES, {"isolation": Isolation.SERIALIZABLE}),
    "grouped": Way(GROUPED),
    "two processes": Shared(THREE_PHASES, {"isolation": Isolation.SERIALIZABLE}),
}
RECOVERED = {
    "committed": Recovered(decided=True),
    "aborted": Recovered(decided=False),
    "expired": Recovered(),
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
    unknown = await cut_at_each(binding, WIDER_WAYS[way], after)
    assert bool(unknown) == ("mapped" not in binding.can), "where one commit does for both tables"


@pytest.mark.needs("lose")
@before_and_after
@pytest.mark.parametrize("way", RECOVERED)
async def test_a_cut_reader_leaves_the_rows_of_the_dead_to_the_next_one(
    binding: Any, way: str, after: bool
) -> None:
    await cut_at_each(binding, RECOVERED[way], after)


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
            engines = [
                binding.open(port=proxy.port, options=way.options, clock=clock, busy_ms=200)
                for _ in range(way.processes)
            ]
            proxy.arm(number, after, lasting)
            told, tx_id = await way.outcome(engines, direct, number, done)
            clock.now += LONG_AGO_MS
            proxy.mend()
            if told is None:
                unknown += 1
                told = await engines[0].outcome(tx_id, way.order(number)[:2])
            for engine in engines:
                await engine.close()
            assert await happened(direct, way, number, done) == told
            for table, key in ((STOCK, APPLE), (STOCK, PEAR), way.order(number)[:2]):
                image = await on_disk(direct, table, key)
                assert image is None or is_whole(image), f"after {number}"
            done += bool(told)
            if not proxy.cut:
                break
    assert not proxy.cut, "the last one was"
    assert told or isinstance(way, Recovered)
    assert number > 2
    await direct.close()
    return unknown


async def happened(engine: Any, way: Way, number: int, before: int) -> bool:
    """Whether the n-th order happened: with all its rows, or with none."""
    table, key, _ = way.order(number)
    asked = engine.begin()
    await asked.fetch({STOCK: [APPLE, PEAR]})
    await asked.fetch({table: [key]})
    ordered = asked.seen(table, key) is not None
    left = [asked.seen(STOCK, key).values[2] for key in (APPLE, PEAR)]
    count = before + ordered
    assert left == [1_000 - count, count], f"after {number}"
    return ordered
