"""Consensus Commit as others see it: half-way transactions are finished, whoever left them."""

import asyncio
from typing import Any

import pytest

from infra.engine.config.settings import CommitOptions
from infra.engine.engine import Isolation
from infra.engine.errors import Conflict, InvalidRequest, Uncommitted
from infra.engine.table import ABORTED, COMMITTED, PREPARED
from tests.conformance.engine.cases import APPLE, ORDERS, PEAR, STOCK, Use, read, stored, values
from tests.conformance.engine.protocol import (
    ACTS,
    NEW,
    OLD,
    SAYS,
    Clock,
    is_whole,
    left,
    on_disk,
    outcome,
)

THREE_PHASES = CommitOptions(one_phase_commit=False)
BOTH = [Isolation.SNAPSHOT, Isolation.SERIALIZABLE]


@pytest.fixture
def clock() -> Clock:
    return Clock()


class TestRecovery:
    @pytest.mark.parametrize("isolation", BOTH)
    @pytest.mark.parametrize("says", SAYS)
    @pytest.mark.parametrize("act", ACTS)
    async def test_a_reader_finishes_what_a_dead_writer_left(
        self, use: Use, clock: Clock, act: str, says: str, isolation: Isolation
    ) -> None:
        async with use(clock=clock) as engine:
            dead = await left(engine, clock, act, says)
            reader = engine.begin(isolation=isolation)
            if says == "nothing":
                with pytest.raises(Uncommitted, match=rf"apple.*{dead}"):
                    await reader.fetch({STOCK: [APPLE]})
                assert (await on_disk(engine))["tx_state"] == ACTS[act][1]
                assert await engine.coordinator.state_of(dead) is None
                return
            await reader.fetch({STOCK: [APPLE]})
            record = reader.seen(STOCK, APPLE)
            assert (record and record.values) == outcome(act, says)
            image = await on_disk(engine)
            assert image is None if record is None else is_whole(image)
            state = await engine.coordinator.state_of(dead)
            assert state.state == (COMMITTED if says == "committed" else ABORTED)
            if says == "committed" and image:
                assert image["tx_committed_at"] == state.created_at
            await reader.commit()

    @pytest.mark.parametrize("says", ["committed", "aborted", "nothing for long"])
    @pytest.mark.parametrize("act", ACTS)
    async def test_who_finished_it_may_write_the_row_too(
        self, use: Use, clock: Clock, act: str, says: str
    ) -> None:
        async with use(clock=clock) as engine:
            await left(engine, clock, act, says)
            before = await read(engine, APPLE)
            writer = engine.begin()
            await writer.fetch({STOCK: [APPLE]})
            writer.put(STOCK, (*APPLE, 77, None))
            await writer.commit()
            record = await read(engine, APPLE)
            assert record.values == (*APPLE, 77, None)
            assert record.tx_version == (before.tx_version if before else 0) + 1

    @pytest.mark.parametrize("act", ACTS)
    async def test_read_committed_shows_what_was_before_and_waits_for_nobody(
        self, use: Use, clock: Clock, act: str
    ) -> None:
        async with use(clock=clock) as engine:
            await left(engine, clock, act, "nothing")
            for read_only in (True, False):
                reader = engine.begin(isolation=Isolation.READ_COMMITTED, read_only=read_only)
                await reader.fetch({STOCK: [APPLE]})
                record = reader.seen(STOCK, APPLE)
                assert (record and record.values) == ACTS[act][0]
                found = await reader.scan(STOCK, ("fruit",))
                assert [r.values for r in found] == [v for v in [ACTS[act][0]] if v]
            assert (await on_disk(engine))["tx_state"] == ACTS[act][1]

    async def test_read_only_at_read_committed_leaves_even_the_dead_alone(
        self, use: Use, clock: Clock
    ) -> None:
        async with use(clock=clock) as engine:
            dead = await left(engine, clock, "update", "nothing for long")
            reader = engine.begin(isolation=Isolation.READ_COMMITTED, read_only=True)
            await reader.fetch({STOCK: [APPLE]})
            assert reader.seen(STOCK, APPLE).values == OLD
            assert (await on_disk(engine))["tx_state"] == PREPARED
            assert await engine.coordinator.state_of(dead) is None
            other = engine.begin(isolation=Isolation.READ_COMMITTED)
            await other.fetch({STOCK: [APPLE]})
            assert is_whole(await on_disk(engine))

    @pytest.mark.parametrize("limit", [None, 1])
    @pytest.mark.parametrize("says", ["committed", "aborted", "nothing for long"])
    @pytest.mark.parametrize("act", ACTS)
    async def test_scans_find_what_gets_find(
        self, use: Use, clock: Clock, act: str, says: str, limit: int | None
    ) -> None:
        async with use(clock=clock) as engine:
            await stored(engine, (*PEAR, 1, "a"))
            await left(engine, clock, act, says)
            rows = [row for row in (outcome(act, says), (*PEAR, 1, "a")) if row][:limit]
            found = await engine.begin().scan(STOCK, ("fruit",), limit=limit)
            assert [record.values for record in found] == rows

    @pytest.mark.parametrize("says", ["committed", "aborted", "nothing for long"])
    async def test_an_index_finds_a_row_by_the_value_that_counts(
        self, use: Use, clock: Clock, says: str
    ) -> None:
        async with use(clock=clock) as engine:
            await left(engine, clock, "update", says)
            old = [r.values for r in await engine.begin().scan_index(STOCK, "shelf", "a")]
            new = [r.values for r in await engine.begin().scan_index(STOCK, "shelf", "b")]
            assert (old, new) == (([], [NEW]) if says == "committed" else ([OLD], []))

    async def test_a_writer_that_wakes_after_it_was_aborted_learns_it(
        self, use: Use, clock: Clock
    ) -> None:
        async with use(clock=clock) as engine:
            slow = engine.participate()
            slow.batch.insert(STOCK, OLD)
            await slow.prepare()
            clock.now += 20_000
            assert await read(engine, APPLE) is None
            with pytest.raises(Conflict, match="aborted"):
                await slow.commit()
            assert await on_disk(engine) is None

    async def test_an_insert_over_what_a_dead_writer_left_is_only_stopped_once(
        self, use: Use, clock: Clock
    ) -> None:
        async with use(clock=clock) as engine:
            await left(engine, clock, "insert", "nothing for long")
            with pytest.raises(Conflict):
                await stored(engine, OLD)
            await stored(engine, OLD)
            assert await values(engine, APPLE) == OLD


class TestThreePhases:
    async def test_rows_look_as_after_one_phase_and_the_coordinator_knows(self, use: Use) -> None:
        async with use(options=THREE_PHASES) as engine:
            await stored(engine, (*APPLE, 3, "a"), (*PEAR, 4, "b"))
            transaction = engine.begin()
            await transaction.fetch({STOCK: [APPLE, PEAR]})
            transaction.put(STOCK, (*APPLE, 9, "c"))
            transaction.delete(STOCK, PEAR)
            transaction.insert(ORDERS, ("o1", "new"))
            at = await transaction.commit()
            state = await engine.coordinator.state_of(transaction.id)
            assert state == (COMMITTED, at)
            image = await on_disk(engine)
            assert is_whole(image)
            assert (image["tx_version"], image["tx_committed_at"]) == (2, at)
            assert await on_disk(engine, STOCK, PEAR) is None
            assert is_whole(await on_disk(engine, ORDERS, ("o1",)))

    async def test_who_loses_leaves_every_row_as_it_was(self, use: Use) -> None:
        async with use(options=THREE_PHASES) as engine:
            await stored(engine, (*APPLE, 3, "a"), (*PEAR, 4, "b"))
            loser = engine.begin()
            await loser.fetch({STOCK: [APPLE, PEAR]})
            loser.put(STOCK, (*APPLE, 0, None))
            loser.put(STOCK, (*PEAR, 0, None))
            loser.insert(ORDERS, ("o1", "lost"))
            winner = engine.begin()
            await winner.fetch({STOCK: [PEAR]})
            winner.put(STOCK, (*PEAR, 5, "b"))
            await winner.commit()
            before = await on_disk(engine)
            with pytest.raises(Conflict, match="pear"):
                await loser.commit()
            assert await on_disk(engine) == before
            assert await on_disk(engine, ORDERS, ("o1",)) is None
            assert (await engine.coordinator.state_of(loser.id)).state == ABORTED

    async def test_a_transaction_without_writes_leaves_no_trace(self, use: Use) -> None:
        async with use(options=THREE_PHASES) as engine:
            await stored(engine, OLD)
            for isolation in Isolation:
                reader = engine.begin(isolation=isolation)
                await reader.fetch({STOCK: [APPLE]})
                await reader.commit()
                assert await engine.coordinator.state_of(reader.id) is None

    async def test_a_discarded_row_is_read_before_it_is_prepared(self, use: Use) -> None:
        async with use(options=THREE_PHASES) as engine:
            await stored(engine, OLD)
            transaction = engine.begin()
            transaction.discard(STOCK, APPLE)
            transaction.discard(STOCK, PEAR)
            await transaction.commit()
            assert await on_disk(engine) is None


class TestSerializable:
    async def both_off_call(self, engine: Any, isolation: Isolation) -> list[Any]:
        """Two doctors, each of whom may go as long as the other one stays."""
        await stored(engine, (*APPLE, 1, None), (*PEAR, 1, None))
        one, two = engine.begin(isolation=isolation), engine.begin(isolation=isolation)
        for transaction in (one, two):
            await transaction.fetch({STOCK: [APPLE, PEAR]})
        one.put(STOCK, (*APPLE, 0, None))
        two.put(STOCK, (*PEAR, 0, None))
        return [*await asyncio.gather(one.commit(), two.commit(), return_exceptions=True)]

    async def test_snapshot_lets_write_skew_happen(self, use: Use) -> None:
        async with use() as engine:
            outcomes = await self.both_off_call(engine, Isolation.SNAPSHOT)
            assert not any(isinstance(one, Exception) for one in outcomes)

    async def test_serializable_does_not(self, use: Use) -> None:
        async with use() as engine:
            outcomes = await self.both_off_call(engine, Isolation.SERIALIZABLE)
            lost = [one for one in outcomes if isinstance(one, Exception)]
            assert lost
            assert all(isinstance(one, Conflict) for one in lost)
            left = [(await values(engine, key))[2] for key in (APPLE, PEAR)]
            assert sum(left) == len(lost)

    @pytest.mark.parametrize("scan", ["partition", "limited", "index", "all"])
    async def test_a_row_that_appears_in_what_was_scanned_is_a_conflict(
        self, use: Use, scan: str
    ) -> None:
        async with use() as engine:
            await stored(engine, (*PEAR, 1, "a"))
            transaction = engine.begin(isolation=Isolation.SERIALIZABLE)
            scans = {
                "partition": lambda: transaction.scan(STOCK, ("fruit",)),
                "limited": lambda: transaction.scan(STOCK, ("fruit",), limit=1),
                "index": lambda: transaction.scan_index(STOCK, "shelf", "a"),
                "all": lambda: transaction.scan_all(STOCK),
            }
            assert len(await scans[scan]()) == 1
            await stored(engine, (*APPLE, 1, "a"))
            transaction.insert(ORDERS, ("o1", "a"))
            with pytest.raises(Conflict, match=r"shop\.stock"):
                await transaction.commit()
            assert await read(engine, ("o1",), ORDERS) is None

    async def test_what_appears_beyond_the_limit_does_not_matter(self, use: Use) -> None:
        async with use() as engine:
            await stored(engine, (*APPLE, 1, "a"))
            transaction = engine.begin(isolation=Isolation.SERIALIZABLE)
            assert len(await transaction.scan(STOCK, ("fruit",), limit=1)) == 1
            await stored(engine, (*PEAR, 1, "a"))
            transaction.insert(ORDERS, ("o1", "a"))
            await transaction.commit()

    async def test_own_writes_into_what_was_scanned_are_no_conflict(self, use: Use) -> None:
        async with use() as engine:
            await stored(engine, (*APPLE, 1, "a"), (*PEAR, 1, "a"))
            transaction = engine.begin(isolation=Isolation.SERIALIZABLE)
            assert len(await transaction.scan(STOCK, ("fruit",), limit=2)) == 2
            transaction.put(STOCK, (*APPLE, 2, "a"))
            transaction.delete(STOCK, PEAR)
            transaction.insert(STOCK, ("fruit", "fig", 1, "a"))
            await transaction.commit()

    async def test_a_row_read_as_absent_must_be_so_still(self, use: Use) -> None:
        async with use() as engine:
            transaction = engine.begin(isolation=Isolation.SERIALIZABLE)
            await transaction.fetch({STOCK: [APPLE]})
            transaction.insert(ORDERS, ("o1", "a"))
            await stored(engine, OLD)
            with pytest.raises(Conflict, match="apple"):
                await transaction.commit()

    async def test_only_reads_of_rows_that_are_written_stay_in_one_phase(self, use: Use) -> None:
        async with use() as engine:
            await stored(engine, OLD)
            transaction = engine.begin(isolation=Isolation.SERIALIZABLE)
            await transaction.fetch({STOCK: [APPLE]})
            transaction.put(STOCK, NEW)
            await transaction.commit()
            assert await engine.coordinator.state_of(transaction.id) is None


class TestParticipants:
    async def test_two_of_them_commit_as_one(self, use: Use) -> None:
        async with use() as here, use() as there:
            await stored(here, OLD)
            first = here.participate()
            second = there.participate(first.id)
            await first.batch.fetch({STOCK: [APPLE]})
            first.batch.put(STOCK, NEW)
            second.batch.insert(ORDERS, ("o1", "a"))
            for one in (first, second):
                await one.prepare()
            for one in (first, second):
                await one.validate()
            at = await first.commit()
            assert await second.commit() == at
            assert await values(there, APPLE) == NEW
            assert (await on_disk(here, ORDERS, ("o1",)))["tx_committed_at"] == at

    async def test_one_that_rolls_back_takes_the_other_along(self, use: Use) -> None:
        async with use() as here, use() as there:
            first = here.participate()
            second = there.participate(first.id)
            first.batch.insert(STOCK, NEW)
            second.batch.insert(ORDERS, ("o1", "a"))
            await first.prepare()
            await second.prepare()
            await second.rollback()
            with pytest.raises(Conflict):
                await first.commit()
            assert await on_disk(here) is None
            assert await on_disk(here, ORDERS, ("o1",)) is None

    @pytest.mark.parametrize("says", ["committed", "aborted", "nothing"])
    async def test_an_unknown_outcome_of_prepared_rows_is_the_coordinators_to_say(
        self, use: Use, clock: Clock, says: str
    ) -> None:
        async with use(clock=clock) as engine:
            lost = await left(engine, clock, "insert", says)
            assert await engine.outcome(lost, (STOCK, APPLE)) == (says == "committed")
            assert await values(engine, APPLE) == outcome("insert", says)

    async def test_one_after_the_other_stops_at_the_first_that_fails(self, use: Use) -> None:
        settings = CommitOptions(one_phase_commit=False, parallel_preparation=False)
        async with use(options=settings) as engine:
            await stored(engine, OLD)
            loser = engine.begin()
            loser.insert(STOCK, OLD)
            loser.insert(ORDERS, ("o1", "lost"))
            with pytest.raises(Conflict):
                await loser.commit()
            assert await on_disk(engine, ORDERS, ("o1",)) is None

    async def test_a_commit_that_skips_a_step_is_refused(self, use: Use) -> None:
        async with use() as engine:
            hasty = engine.participate(isolation=Isolation.SERIALIZABLE)
            await hasty.batch.fetch({STOCK: [APPLE]})
            hasty.batch.insert(ORDERS, ("o1", "a"))
            with pytest.raises(InvalidRequest, match="not prepared"):
                await hasty.commit()
            await hasty.prepare()
            with pytest.raises(InvalidRequest, match="validated"):
                await hasty.commit()
            await hasty.rollback()
            assert await on_disk(engine, ORDERS, ("o1",)) is None
