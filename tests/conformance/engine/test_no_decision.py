"""Where a transaction cannot be decided: nothing is left prepared, and nobody waits for ever."""

import asyncio
import gc
from dataclasses import replace
from typing import Any

import pytest

from infra.clock import now_ms
from infra.engine.config.settings import CommitOptions
from infra.engine.errors import SchemaMismatch, Unavailable, UnknownOutcome
from tests.conformance.engine.cases import APPLE, ORDERS, Use, read, stored, values
from tests.conformance.engine.test_groups import grouped, order

THREE_PHASES = CommitOptions(one_phase_commit=False)
#: Coordinators' namespaces: one that is not there, and one whose table is not for groups.
NOWHERE, GROUPLESS = "nowhere", "groupless"


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (replace(THREE_PHASES, coordinator_namespace=NOWHERE), f"{NOWHERE}.state does not exist"),
        (replace(grouped(), coordinator_namespace=NOWHERE), f"{NOWHERE}.state does not exist"),
        (replace(grouped(), coordinator_namespace=GROUPLESS), "no column tx_child_ids"),
    ],
    ids=["no table", "no table for groups", "no column for groups"],
)
async def test_without_the_coordinators_table_no_row_is_prepared(
    use: Use, binding: Any, options: CommitOptions, why: str
) -> None:
    async with use(options=replace(THREE_PHASES, coordinator_namespace=GROUPLESS)) as engine:
        await stored(engine, ("o1", "new"), table=ORDERS)
        lacking = binding.open(options=options)
        try:
            for _ in range(2):
                transaction = lacking.begin()
                await transaction.fetch({ORDERS: [("o1",)]})
                transaction.put(ORDERS, ("o1", "paid"))
                transaction.insert(ORDERS, ("o2", "new"))
                with pytest.raises(SchemaMismatch, match=why):
                    await transaction.commit()
            if not options.group_commit.enabled:
                share = lacking.participate()
                share.batch.insert(ORDERS, ("o2", "new"))
                with pytest.raises(SchemaMismatch, match=why):
                    await share.prepare()
        finally:
            await lacking.close()
        assert await values(engine, ("o1",), ORDERS) == ("o1", "new")
        assert await values(engine, ("o2",), ORDERS) is None


async def test_a_bug_while_a_group_is_written_is_told_to_all_its_members(use: Use) -> None:
    broken = False

    def clock() -> int:
        return now_ms() // (not broken)

    async with use(options=grouped(), clock=clock) as engine:
        groups = engine.committing.groups
        members = [groups.reserve(name) for name in ("one", "two")]
        broken = True
        together = asyncio.gather(*map(groups.commit, members), return_exceptions=True)
        async with asyncio.timeout(10):
            outcomes = await together
        broken = False
        told = [one for one in outcomes if isinstance(one, UnknownOutcome)]
        assert [one.tx_id for one in told] == members
        assert isinstance(told[0].__cause__, ZeroDivisionError)


async def test_a_commit_that_fails_when_its_caller_has_gone_is_nothing_to_complain_of(
    use: Use,
) -> None:
    complaints: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, what: complaints.append(what))
    begun = asyncio.Event()

    def clock() -> int:
        begun.set()
        return now_ms()

    async with use(options=THREE_PHASES, clock=clock) as engine:
        await order(engine, 1).commit()
        begun.clear()
        committing = asyncio.ensure_future(order(engine, 1).commit())
        await begun.wait()  # it is about to meet the row that is there
        committing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await committing
    gc.collect()
    assert complaints == []


async def test_a_closed_engine_answers_nobody(use: Use, binding: Any) -> None:
    async with use() as engine:
        await stored(engine, (*APPLE, 1, "a"))
        other = binding.open()
        assert await read(other, APPLE)
        await other.close()
        with pytest.raises(Unavailable, match="closed"):
            await read(other, APPLE)
        await other.close()
