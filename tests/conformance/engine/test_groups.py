"""Group commit: transactions share a row of the coordinator; none waits or fails for another."""

import asyncio
from typing import Any

import pytest

from infra.engine.config.settings import CommitOptions, GroupCommitOptions
from infra.engine.coordinator import parent_of
from infra.engine.errors import Conflict, InvalidRequest
from infra.engine.table import ABORTED, COMMITTED
from tests.conformance.engine.cases import ORDERS, Use, read

#: Longer than any test: what happens, happens for another reason.
NEVER_MS = 600_000


def grouped(**options: int) -> CommitOptions:
    slow = {
        "group_size_fix_timeout_millis": NEVER_MS,
        "delayed_slot_move_timeout_millis": NEVER_MS,
    }
    group = GroupCommitOptions(enabled=True, **(slow | options))
    return CommitOptions(one_phase_commit=False, group_commit=group)


def order(engine: Any, number: int) -> Any:
    transaction = engine.begin()
    transaction.insert(ORDERS, (f"o{number}", "new"))
    return transaction


async def row_of(engine: Any, tx_id: str | None) -> Any:
    table = await engine.coordinator.table()
    rows = await engine.coordinator.storage.plain_rows(table, [(tx_id,)])
    return dict(zip(table.columns, rows[0], strict=True)) if rows else None


async def test_one_that_is_alone_waits_for_nobody(use: Use) -> None:
    async with use(options=grouped()) as engine:
        transaction = order(engine, 1)
        begun = transaction.id
        at = await transaction.commit()
        parent = parent_of(transaction.id)
        assert transaction.id == f"{parent}${begun}"
        assert await row_of(engine, parent) == {
            "tx_id": parent, "tx_child_ids": begun, "tx_state": COMMITTED, "tx_created_at": at
        }  # fmt: skip
        assert (await read(engine, ("o1",), ORDERS)).tx_id == transaction.id


async def test_those_that_commit_together_share_one_row(use: Use) -> None:
    async with use(options=grouped(slot_capacity=3)) as engine:
        together = [order(engine, i) for i in range(7)]
        await asyncio.gather(*(one.commit() for one in together))
        parents = {parent_of(one.id) for one in together}
        assert len(parents) == 3
        children = [(await row_of(engine, p))["tx_child_ids"].split(",") for p in parents]
        assert sorted(map(len, children)) == [1, 3, 3]
        for one in together:
            assert (await engine.coordinator.state_of(one.id)).state == COMMITTED


async def test_one_that_fails_does_not_hold_the_others_up(use: Use) -> None:
    async with use(options=grouped()) as engine:
        await order(engine, 1).commit()
        loser, winner = order(engine, 1), order(engine, 2)
        outcomes = await asyncio.gather(loser.commit(), winner.commit(), return_exceptions=True)
        assert isinstance(outcomes[0], Conflict)
        assert isinstance(outcomes[1], int)
        assert (await engine.coordinator.state_of(loser.id)).state == ABORTED


async def test_who_is_taken_for_dead_does_not_take_its_group_along(use: Use) -> None:
    async with use(options=grouped()) as engine, use(options=grouped()) as other:
        groups = engine.committing.groups
        dead, alive = groups.reserve("dead"), groups.reserve("alive")
        assert (await other.coordinator.abort(dead)).state == ABORTED
        states = await asyncio.gather(groups.commit(dead), groups.commit(alive))
        assert [state.state for state in states] == [ABORTED, COMMITTED]
        assert (await other.coordinator.state_of(dead)).state == ABORTED
        assert (await other.coordinator.state_of(alive)).state == COMMITTED
        parent = await row_of(engine, parent_of(dead))
        assert (parent["tx_state"], parent["tx_child_ids"]) == (ABORTED, None)


async def test_the_group_goes_without_who_is_slow(use: Use) -> None:
    async with use(options=grouped(delayed_slot_move_timeout_millis=20)) as engine:
        groups = engine.committing.groups
        slow, quick = groups.reserve("slow"), groups.reserve("quick")
        assert (await groups.commit(quick)).state == COMMITTED
        assert (await groups.commit(slow)).state == COMMITTED
        assert (await row_of(engine, parent_of(quick)))["tx_child_ids"] == "quick"
        assert (await row_of(engine, slow))["tx_child_ids"] is None


async def test_a_group_takes_nobody_in_after_its_time(use: Use) -> None:
    async with use(options=grouped(group_size_fix_timeout_millis=10)) as engine:
        groups = engine.committing.groups
        first = groups.reserve("first")
        its_time_is_over = asyncio.Event()
        asyncio.get_running_loop().call_later(0.01, its_time_is_over.set)
        await its_time_is_over.wait()
        later = groups.reserve("later")
        assert parent_of(later) != parent_of(first)
        await asyncio.gather(groups.commit(first), groups.commit(later))


async def test_one_that_leaves_an_open_group_leaves_room(use: Use) -> None:
    async with use(options=grouped()) as engine:
        groups = engine.committing.groups
        groups.leave(groups.reserve("gone"))
        state = await groups.commit(groups.reserve("here"))
        assert state.state == COMMITTED


async def test_an_aborted_group_alone_decides_nothing_about_its_members(use: Use) -> None:
    async with use(options=grouped()) as engine:
        parent = "p" * 24
        await engine.coordinator.abort_own(parent)
        assert await engine.coordinator.state_of(f"{parent}$child") is None
        assert (await engine.coordinator.commit(f"{parent}$child")).state == COMMITTED


async def test_groups_are_only_for_who_commits_alone(use: Use) -> None:
    async with use(options=grouped()) as engine:
        with pytest.raises(InvalidRequest, match="group commit"):
            engine.participate()
