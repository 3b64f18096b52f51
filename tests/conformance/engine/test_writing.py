"""Writes: versions, the last word on a key, conflicts with other writers."""

import asyncio
from typing import Any

import pytest

from infra.engine.errors import Conflict, InvalidRequest
from infra.engine.table import Record
from tests.conformance.engine.cases import APPLE, ORDERS, PEAR, STOCK, Use, read, stored, values


class TestWriting:
    async def test_versions_count_and_the_writer_is_named(self, use: Use) -> None:
        async with use(clock=lambda: 1234) as engine:
            first = engine.begin(tx_id="tx-1")
            first.insert(STOCK, (*APPLE, 3, None))
            assert await first.commit() == 1234
            assert await read(engine, APPLE) == Record((*APPLE, 3, None), "tx-1", 1)
            second = engine.begin(tx_id="tx-2")
            await second.fetch({STOCK: [APPLE]})
            second.put(STOCK, (*APPLE, 2, "x"))
            await second.commit()
            assert await read(engine, APPLE) == Record((*APPLE, 2, "x"), "tx-2", 2)
            third = engine.begin()
            await third.fetch({STOCK: [APPLE]})
            third.delete(STOCK, APPLE)
            await third.commit()
            assert await read(engine, APPLE) is None

    async def test_every_transaction_has_an_id_of_its_own(self, use: Use) -> None:
        async with use() as engine:
            ids = {engine.begin().id for _ in range(100)}
            assert len(ids) == 100
            assert all(len(i) == 36 and i[14] == "4" for i in ids)

    async def test_a_put_or_delete_of_an_unread_row_is_an_error(self, use: Use) -> None:
        async with use() as engine:
            transaction = engine.begin()
            with pytest.raises(KeyError):
                transaction.put(STOCK, (*APPLE, 3, None))
            with pytest.raises(KeyError):
                transaction.delete(STOCK, APPLE)

    async def test_the_last_word_on_a_key_is_written(self, use: Use) -> None:
        async with use() as engine:
            await stored(engine, (*APPLE, 3, None))
            transaction = engine.begin()
            await transaction.fetch({STOCK: [APPLE, PEAR]})
            transaction.delete(STOCK, APPLE)
            transaction.insert(STOCK, (*APPLE, 9, None))
            transaction.put(STOCK, (*PEAR, 1, None))
            transaction.put(STOCK, (*PEAR, 2, None))
            transaction.insert(ORDERS, ("o1", "a"))
            transaction.put(ORDERS, ("o1", "b"))
            await transaction.commit()
            assert (await read(engine, APPLE)).tx_version == 2
            assert await values(engine, PEAR) == (*PEAR, 2, None)
            assert await values(engine, ("o1",), ORDERS) == ("o1", "b")
            transaction = engine.begin()
            await transaction.fetch({ORDERS: [("o2",)]})
            transaction.put(ORDERS, ("o2", "a"))
            transaction.delete(ORDERS, ("o2",))
            await transaction.commit()
            assert await read(engine, ("o2",), ORDERS) is None

    async def test_a_rolled_back_transaction_leaves_nothing_and_ends(self, use: Use) -> None:
        async with use() as engine:
            transaction = engine.begin()
            transaction.insert(STOCK, (*APPLE, 3, None))
            await transaction.rollback()
            await transaction.rollback()
            with pytest.raises(InvalidRequest, match="has ended"):
                await transaction.commit()
            assert await read(engine, APPLE) is None

    async def test_a_discarded_row_goes_unread_and_whoever_wrote_it(self, use: Use) -> None:
        async with use() as engine:
            await stored(engine, (*APPLE, 3, None), (*PEAR, 3, None))
            transaction = engine.begin()
            transaction.discard(STOCK, APPLE)
            transaction.discard(STOCK, ("fruit", "none such"))
            await transaction.commit()
            assert [r.values[:2] for r in await engine.begin().scan_all(STOCK)] == [PEAR]

    async def test_a_transaction_that_wrote_nothing_never_asks_the_storage(self, use: Use) -> None:
        points: list[str] = []
        async with use(fault=points.append, clock=lambda: 7) as engine:
            points.clear()
            transaction = engine.begin()
            transaction.assume(STOCK, APPLE, None)
            await transaction.fetch({STOCK: [APPLE]})
            transaction.delete(STOCK, APPLE)
            assert await transaction.commit() == 7
            assert points == []


class TestConflicts:
    def change(self, kind: str, transaction: Any) -> None:
        if kind == "put":
            transaction.put(STOCK, (*APPLE, 9, None))
        else:
            transaction.delete(STOCK, APPLE)

    @pytest.mark.parametrize("mine", ["put", "delete"])
    @pytest.mark.parametrize("theirs", ["put", "delete"])
    async def test_a_second_writer_loses_whole_and_is_told_the_key(
        self, use: Use, mine: Any, theirs: Any
    ) -> None:
        async with use() as one, use() as two:
            await stored(one, (*APPLE, 3, None))
            loser, winner = one.begin(), two.begin()
            for transaction in (loser, winner):
                await transaction.fetch({STOCK: [APPLE]})
            self.change(theirs, winner)
            await winner.commit()
            self.change(mine, loser)
            loser.insert(ORDERS, ("o1", "lost"))
            with pytest.raises(Conflict, match=r"shop\.stock.*apple"):
                await loser.commit()
            assert await read(one, ("o1",), ORDERS) is None

    async def test_an_insert_of_a_row_that_exists_loses(self, use: Use) -> None:
        async with use() as engine:
            await stored(engine, (*PEAR, 3, None))
            transaction = engine.begin()
            transaction.insert(STOCK, (*APPLE, 1, None))
            transaction.insert(STOCK, (*PEAR, 1, None))
            with pytest.raises(Conflict, match="pear"):
                await transaction.commit()
            assert await read(engine, APPLE) is None

    async def test_a_row_read_as_absent_must_still_be_absent(self, use: Use) -> None:
        async with use() as one, use() as two:
            transaction = one.begin()
            await transaction.fetch({STOCK: [APPLE]})
            await stored(two, (*APPLE, 3, None))
            transaction.put(STOCK, (*APPLE, 1, None))
            with pytest.raises(Conflict):
                await transaction.commit()
            assert (await values(one, APPLE))[2] == 3

    async def test_a_deleted_and_inserted_row_is_another_row(self, use: Use) -> None:
        async with use() as engine:
            await stored(engine, (*APPLE, 3, None))
            old = engine.begin()
            await old.fetch({STOCK: [APPLE]})
            other = engine.begin()
            await other.fetch({STOCK: [APPLE]})
            other.delete(STOCK, APPLE)
            await other.commit()
            await stored(engine, (*APPLE, 3, None))
            old.put(STOCK, (*APPLE, 2, None))
            with pytest.raises(Conflict):
                await old.commit()

    @pytest.mark.parametrize("assumed", [None, Record((*APPLE, 3, None), "someone", 1)])
    async def test_a_wrong_assumption_loses(self, use: Use, assumed: Record | None) -> None:
        async with use() as engine:
            await stored(engine, (*APPLE, 3, None))
            transaction = engine.begin()
            transaction.assume(STOCK, APPLE, assumed)
            transaction.put(STOCK, (*APPLE, 2, None))
            with pytest.raises(Conflict, match="apple"):
                await transaction.commit()

    @pytest.mark.needs("assume")
    async def test_a_right_assumption_saves_the_read(self, use: Use) -> None:
        points: list[str] = []
        async with use(fault=points.append) as engine:
            await stored(engine, (*APPLE, 3, None))
            record = await read(engine, APPLE)
            points.clear()
            transaction = engine.begin()
            transaction.assume(STOCK, APPLE, record)
            transaction.put(STOCK, (*APPLE, 2, None))
            await transaction.commit()
            assert "read" not in points
            assert (await values(engine, APPLE))[2] == 2

    async def test_more_losers_than_connections_are_all_told(self, use: Use) -> None:
        async with use() as engine:
            await stored(engine, (*APPLE, 3, None))
            crowd = [engine.begin() for _ in range(40)]
            for one in crowd:
                await one.fetch({STOCK: [APPLE]})
                one.put(STOCK, (*APPLE, 4, None))
            told = await asyncio.gather(*(one.commit() for one in crowd), return_exceptions=True)
            assert sum(isinstance(one, int) for one in told) == 1
            assert sum(isinstance(one, Conflict) for one in told) == 39

    async def test_rows_that_were_only_read_are_not_checked(self, use: Use) -> None:
        async with use() as engine:
            await stored(engine, (*APPLE, 3, None), (*PEAR, 3, None))
            transaction = engine.begin()
            await transaction.fetch({STOCK: [APPLE, PEAR]})
            other = engine.begin()
            await other.fetch({STOCK: [APPLE]})
            other.put(STOCK, (*APPLE, 4, None))
            await other.commit()
            transaction.put(STOCK, (*PEAR, 2, None))
            await transaction.commit()
            assert (await values(engine, PEAR))[2] == 2
