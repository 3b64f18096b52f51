"""Locks, refused values, faults, shapes that differ."""

import asyncio
import math
from typing import Any

import pytest

from infra.engine.errors import Conflict, LockedOut, SchemaMismatch, WriteRefused
from infra.engine.table import Table, Type
from tests.conformance.engine.cases import (
    APPLE,
    DOUBLES,
    ORDERS,
    PEAR,
    STOCK,
    TABLES,
    Use,
    read,
    stored,
    values,
)


async def changed(engine: Any, amount: int = 9) -> None:
    """Change the apple that this transaction read before."""
    transaction = engine.begin()
    await transaction.fetch({STOCK: [APPLE]})
    transaction.put(STOCK, (*APPLE, amount, None))
    await transaction.commit()


@pytest.mark.needs("lock")
class TestLocking:
    async def test_a_locked_transaction_cannot_lose(self, use: Use) -> None:
        async with use() as one, use() as two:
            await stored(one, (*APPLE, 3, None))
            locked, other = one.begin(locked=True), two.begin()
            await locked.fetch({STOCK: [APPLE]})
            await other.fetch({STOCK: [APPLE]})
            other.put(STOCK, (*APPLE, 9, None))
            with pytest.raises(LockedOut):
                await other.commit()
            locked.put(STOCK, (*APPLE, 2, None))
            await locked.commit()
            assert (await values(two, APPLE))[2] == 2

    async def test_others_of_the_same_engine_wait_for_a_locked_row_and_lose(self, use: Use) -> None:
        async with use(busy_ms=60_000) as engine:
            await stored(engine, (*APPLE, 3, None))
            locked = engine.begin(locked=True)
            await locked.fetch({STOCK: [APPLE]})
            other = engine.begin()
            await other.fetch({STOCK: [APPLE]})
            other.put(STOCK, (*APPLE, 9, None))
            waiting = asyncio.create_task(other.commit())
            await asyncio.wait({waiting}, timeout=0)
            assert (await values(engine, APPLE))[2] == 3
            assert not waiting.done()
            locked.put(STOCK, (*APPLE, 2, None))
            await locked.commit()
            with pytest.raises(Conflict):
                await waiting
            assert (await values(engine, APPLE))[2] == 2

    async def test_waiting_for_the_same_engine_has_an_end(self, use: Use) -> None:
        async with use() as engine:
            await stored(engine, (*APPLE, 3, None))
            locked = engine.begin(locked=True)
            await locked.fetch({STOCK: [APPLE]})
            with pytest.raises(LockedOut):
                await changed(engine)
            await locked.rollback()
            await changed(engine)

    async def test_a_failed_read_of_others_does_not_end_a_locked_transaction(
        self, use: Use
    ) -> None:
        async with use() as one, use() as two:
            await stored(one, (*APPLE, 3, None))
            locked = one.begin(locked=True)
            await locked.fetch({STOCK: [APPLE]})
            with pytest.raises(WriteRefused):
                await one.begin().fetch({STOCK: [("fruit", "\ud800")]})
            with pytest.raises(LockedOut):
                await changed(two)
            await locked.rollback()

    async def test_a_rollback_gives_the_lock_back(self, use: Use) -> None:
        async with use() as one, use() as two:
            await stored(one, (*APPLE, 3, None))
            locked = one.begin(locked=True)
            await locked.fetch({STOCK: [APPLE]})
            await locked.rollback()
            await changed(two)

    async def test_a_cancelled_wait_holds_nothing(self, use: Use) -> None:
        async with use(busy_ms=60_000) as engine:
            await stored(engine, (*APPLE, 3, None))
            locked = engine.begin(locked=True)
            await locked.fetch({STOCK: [APPLE]})
            waiting = asyncio.create_task(changed(engine))
            await values(engine, PEAR)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
            await locked.commit()
            assert (await values(engine, APPLE))[2] == 3
            await changed(engine)


class Trouble(Exception):
    """What a fault raises here."""


class TestRefusals:
    @pytest.mark.parametrize("bad", ["\ud800", 2**63, -(2**63) - 1, object()])
    async def test_a_value_that_cannot_be_stored_is_named(self, use: Use, bad: Any) -> None:
        async with use() as engine:
            await self.refused(engine, bad)

    @pytest.mark.needs("refuse U+0000")
    async def test_a_text_with_u0000_is_named(self, use: Use) -> None:
        async with use() as engine:
            await self.refused(engine, "a\0b")

    @pytest.mark.parametrize(
        ("row", "column"),
        [
            (("fruit", "apple", "3", None), "left"),
            (("fruit", "apple", True, None), "left"),
            (("fruit", "apple", 1.5, None), "left"),
            (("fruit", "apple", 1, b"low"), "shelf"),
            ((None, "apple", 1, None), "category"),
            (("fruit", None, 1, None), "product"),
        ],
    )
    async def test_a_value_of_another_type_is_named(
        self, use: Use, row: tuple[Any, ...], column: str
    ) -> None:
        async with use() as engine:
            with pytest.raises(WriteRefused, match=rf"shop\.stock\.{column}"):
                await stored(engine, row)
            assert await engine.begin().scan_all(STOCK) == []

    @pytest.mark.needs("sqlite")
    async def test_a_nan_is_named_where_it_would_become_null(self, use: Use) -> None:
        async with use() as engine:
            with pytest.raises(WriteRefused, match=r"shop\.doubles\.d of \(2,\).*NaN"):
                await stored(engine, (1, 1.5, None), (2, math.nan, None), table=DOUBLES)
            assert await read(engine, (1,), DOUBLES) is None

    async def refused(self, engine: Any, bad: Any) -> None:
        transaction = engine.begin()
        for i in range(40):
            transaction.insert(STOCK, ("fruit", f"p{i}", 1, bad if i == 33 else None))
        transaction.insert(ORDERS, ("o1", "a"))
        with pytest.raises(WriteRefused, match=r"shop\.stock\.shelf.*'fruit', 'p33'"):
            await transaction.commit()
        assert await read(engine, ("o1",), ORDERS) is None
        await stored(engine, (*APPLE, 1, None))

    @pytest.mark.parametrize("bad", ["\ud800", 2**63])
    async def test_a_key_that_cannot_be_stored_is_refused_when_read(
        self, use: Use, bad: Any
    ) -> None:
        async with use() as engine:
            with pytest.raises(WriteRefused, match=r"shop\.stock\.product"):
                await engine.begin().fetch({STOCK: [("fruit", bad)]})
            with pytest.raises(WriteRefused, match=r"shop\.stock"):
                await engine.begin().scan(STOCK, (bad,))


class TestFaults:
    @pytest.mark.parametrize("point", ["begin", "before-commit"])
    async def test_trouble_before_the_commit_leaves_nothing(self, use: Use, point: str) -> None:
        armed = False

        def fault(at: str) -> None:
            if armed and at == point:
                raise Trouble(at)

        async with use(fault=fault) as engine:
            armed = True
            with pytest.raises(Trouble):
                await stored(engine, (*APPLE, 3, None))
            armed = False
            assert await read(engine, APPLE) is None
            await stored(engine, (*APPLE, 3, None))

    async def test_trouble_after_the_commit_leaves_everything(self, use: Use) -> None:
        def fault(at: str) -> None:
            if at == "after-commit":
                raise Trouble(at)

        async with use(fault=fault) as engine:
            with pytest.raises(Trouble):
                await stored(engine, (*APPLE, 3, None))
            assert await values(engine, APPLE) == (*APPLE, 3, None)

    async def test_a_lock_is_gone_after_trouble_in_a_read(self, use: Use) -> None:
        armed = False

        def fault(at: str) -> None:
            if armed and at == "read":
                raise Trouble(at)

        async with use(fault=fault) as one, use() as two:
            armed = True
            locked = one.begin(locked=True)
            with pytest.raises(Trouble):
                await locked.fetch({STOCK: [APPLE]})
            await stored(two, (*APPLE, 3, None))


class TestEngine:
    async def test_apply_twice_changes_nothing(self, use: Use) -> None:
        async with use() as engine:
            await stored(engine, (*APPLE, 3, None))
            await engine.apply(TABLES)
            assert await values(engine, APPLE) == (*APPLE, 3, None)

    async def test_a_new_column_is_added_and_is_null_in_old_rows(self, use: Use) -> None:
        wider = Table("shop", "orders", {**ORDERS.columns, "why": Type.TEXT}, ("id",))
        async with use() as engine:
            await stored(engine, ("o1", "placed"), table=ORDERS)
            await engine.apply([wider])
            assert await values(engine, ("o1",), wider) == ("o1", "placed", None)
            transaction = engine.begin()
            await transaction.fetch({wider: [("o1",)]})
            transaction.put(wider, ("o1", "placed", "new"))
            await transaction.commit()
            assert await values(engine, ("o1",), wider) == ("o1", "placed", "new")

    @pytest.mark.parametrize(
        ("other", "named"),
        [
            (Table("shop", "orders", {"id": Type.TEXT, "state": Type.BIGINT}, ("id",)), "state"),
            (Table("shop", "orders", {"id": Type.TEXT}, ("id",)), "state"),
            (Table("shop", "orders", {"no": Type.TEXT, "state": Type.TEXT}, ("no",)), "id"),
        ],
    )
    async def test_another_shape_is_refused_by_name(
        self, use: Use, other: Table, named: str
    ) -> None:
        async with use() as engine:
            with pytest.raises(SchemaMismatch, match=rf"shop\.orders.*{named}"):
                await engine.apply([other])

    async def test_a_missing_table_is_a_schema_mismatch(self, binding: Any) -> None:
        missing = Table("shop", "missing", {"id": Type.TEXT}, ("id",))
        engine = binding.open()
        try:
            with pytest.raises(SchemaMismatch):
                await read(engine, ("o1",), missing)
        finally:
            await engine.close()

    @pytest.mark.needs("notice")
    async def test_commits_of_another_process_are_noticed_once(self, use: Use) -> None:
        async with use() as one, use() as two:
            await one.changed()
            assert not await one.changed()
            await stored(two, (*APPLE, 3, None))
            assert await one.changed()
            assert not await one.changed()

    async def test_closing_twice_is_harmless_and_keeps_everything(
        self, use: Use, binding: Any
    ) -> None:
        async with use() as engine:
            await stored(engine, (*APPLE, 3, None))
            await engine.close()
        async with use() as engine:
            assert await values(engine, APPLE) == (*APPLE, 3, None)
