"""Reads: by key, repeatable, set-wise, by scan, by index."""

import asyncio
from typing import Any

import pytest

from infra.engine.errors import WriteRefused
from infra.engine.table import Table, Type
from tests.conformance.engine.cases import (
    APPLE,
    DOUBLES,
    EVENTS,
    ORDERS,
    PEAR,
    STOCK,
    TYPES,
    Use,
    stored,
    values,
)


class TestReading:
    async def test_rows_of_several_tables_are_fetched_and_the_absent_are_none(
        self, use: Use
    ) -> None:
        async with use() as engine:
            await stored(engine, (*APPLE, 3, None))
            await stored(engine, ("o1", "placed"), table=ORDERS)
            transaction = engine.begin()
            await transaction.fetch({STOCK: [APPLE, PEAR], ORDERS: [("o1",)]})
            assert transaction.seen(STOCK, APPLE).values == (*APPLE, 3, None)
            assert transaction.seen(STOCK, PEAR) is None
            assert transaction.seen(ORDERS, ("o1",)).values == ("o1", "placed")

    async def test_values_of_every_type_are_the_same_from_several_tables_at_once(
        self, use: Use
    ) -> None:
        kinds = [kind for kind in Type if kind is not Type.TIMESTAMP]  # Cassandra has none
        columns = {"id": Type.INT} | {f"c_{kind.name.lower()}": kind for kind in kinds}
        every = Table("shop", "every", columns, ("id",))
        times = {"DATE": 20_000, "TIME": 1, "TIMESTAMPTZ": 1_700_000_000_123}
        others = {"BOOLEAN": True, "TEXT": "é", "BLOB": b"\0\xff", "FLOAT": 0.5, "DOUBLE": -1e300}
        known = times | others
        full = (1, *(known.get(kind.name, 7) for kind in kinds))
        bare = (2, *(None for _ in kinds))
        async with use() as engine:
            await engine.apply([every])
            await stored(engine, full, bare, table=every)
            await stored(engine, (*APPLE, 3, None))
            await stored(engine, ("o1", "placed"), table=ORDERS)
            first, second = engine.begin(), engine.begin()
            await asyncio.gather(
                first.fetch({every: [(1,), (2,), (3,)], STOCK: [APPLE, PEAR]}),
                second.fetch({ORDERS: [("o1",)], every: [(2,)], STOCK: [APPLE]}),
            )
            assert first.seen(every, (1,)).values == full
            assert first.seen(every, (2,)).values == second.seen(every, (2,)).values == bare
            assert first.seen(every, (3,)) is first.seen(STOCK, PEAR) is None
            assert first.seen(STOCK, APPLE) == second.seen(STOCK, APPLE)
            assert second.seen(ORDERS, ("o1",)).values == ("o1", "placed")
            with pytest.raises(KeyError):
                second.seen(every, (1,))

    async def test_of_several_tables_the_key_that_cannot_be_is_told_by_its_column(
        self, use: Use
    ) -> None:
        async with use() as engine:
            await stored(engine, ("o1", "placed"), table=ORDERS)
            bad, good = engine.begin(), engine.begin()
            answers = await asyncio.gather(
                bad.fetch({ORDERS: [("o1",)], EVENTS: [(2**40, 1, 1)]}),
                good.fetch({ORDERS: [("o1",)], STOCK: [APPLE]}),
                return_exceptions=True,
            )
            if answers[0] is None:  # SQLite's integers are as wide as that
                assert bad.seen(EVENTS, (2**40, 1, 1)) is None
            else:
                assert isinstance(answers[0], WriteRefused)
                assert "shop.events.day" in str(answers[0])
            assert answers[1] is None
            assert good.seen(ORDERS, ("o1",)).values == ("o1", "placed")

    async def test_seeing_a_row_that_was_never_fetched_is_an_error(self, use: Use) -> None:
        async with use() as engine:
            with pytest.raises(KeyError):
                engine.begin().seen(STOCK, APPLE)

    @pytest.mark.parametrize("count", [1, 5, 17, 256, 700])
    async def test_any_number_of_rows_is_written_and_read_in_one_go(
        self, use: Use, count: Any
    ) -> None:
        async with use() as engine:
            rows = [("fruit", f"p{i:04}", i, 'é"\\\n') for i in range(count)]
            await stored(engine, *reversed(rows))
            transaction = engine.begin()
            await transaction.fetch({STOCK: [row[:2] for row in rows]})
            assert [transaction.seen(STOCK, row[:2]).values for row in rows] == rows
            for row in rows:
                transaction.put(STOCK, (*row[:2], row[2] + 1, "new"))
            await transaction.commit()
            last = engine.begin()
            found = await last.scan(STOCK, ("fruit",))
            assert [r.values for r in found] == [(*r[:2], r[2] + 1, "new") for r in rows]
            assert {r.tx_version for r in found} == {2}
            for row in rows:
                last.delete(STOCK, row[:2])
            await last.commit()
            assert await engine.begin().scan_all(STOCK) == []

    async def test_the_first_answer_is_kept_until_the_end(self, use: Use) -> None:
        async with use() as engine:
            await stored(engine, (*APPLE, 3, "a"))
            transaction = engine.begin()
            await transaction.fetch({STOCK: [APPLE, PEAR]})
            other = engine.begin()
            await other.fetch({STOCK: [APPLE]})
            other.put(STOCK, (*APPLE, 4, "a"))
            other.insert(STOCK, (*PEAR, 1, "a"))
            await other.commit()
            await transaction.fetch({STOCK: [APPLE, PEAR]})
            assert transaction.seen(STOCK, APPLE).values[2] == 3
            assert transaction.seen(STOCK, PEAR) is None
            assert [r.values[2] for r in await transaction.scan(STOCK, ("fruit",))] == [3]

    async def test_own_writes_are_not_seen(self, use: Use) -> None:
        async with use() as engine:
            transaction = engine.begin()
            await transaction.fetch({STOCK: [APPLE]})
            transaction.put(STOCK, (*APPLE, 3, None))
            assert transaction.seen(STOCK, APPLE) is None
            assert await transaction.scan(STOCK, ("fruit",)) == []

    async def test_every_value_comes_back_as_it_was(self, use: Use) -> None:
        rows = [
            (b"\0\xff", "日本 \x01\U0001f600", -(2**31), 2**63 - 1, True, 253402300799999, b""),
            (b"1", "", 2**31 - 1, -(2**63), False, 0, b"\0"),
            (b"2", None, None, None, None, None, None),
            (b"3", "x", 0, 0, None, -1, None),
            (b"4", "x", 0, 0, None, -30610224000000, None),
            (b"5", "x", 0, 0, None, -1001, None),
        ]
        async with use() as engine:
            await stored(engine, *rows, table=TYPES)
            for row in rows:
                found = await values(engine, row[:1], TYPES)
                assert found == row
                assert [type(v) for v in found] == [type(v) for v in row]

    async def test_a_double_keeps_its_last_digit(self, use: Use) -> None:
        async with use() as engine:
            row = (1, 0.1 + 0.2, b"\0\1")
            await stored(engine, row, table=DOUBLES)
            assert await values(engine, (1,), DOUBLES) == row


class TestScanning:
    ROWS = (
        (1, 9, -5, "a"),
        (1, 9, 7, "b"),
        (1, 8, 1, "c"),
        (1, 7, 2, "d"),
        (2, 9, 1, "other day"),
    )

    @pytest.mark.parametrize(
        ("options", "expected"),
        [
            ({}, "abcd"),
            ({"reverse": True}, "dcba"),
            ({"limit": 3}, "abc"),
            ({"limit": 1, "reverse": True}, "d"),
            ({"start": (8,)}, "abc"),
            ({"end": (8,)}, "cd"),
            ({"start": (9, 0), "end": (9,)}, "b"),
            ({"start": (9, -5), "end": (9, -5)}, "a"),
            ({"start": (10,)}, ""),
        ],
    )
    async def test_a_partition_is_read_in_clustering_order(
        self, use: Use, options: Any, expected: Any
    ) -> None:
        async with use() as engine:
            await stored(engine, *reversed(self.ROWS), table=EVENTS)
            found = await engine.begin().scan(EVENTS, (1,), **options)
            assert "".join(r.values[3] for r in found) == expected

    async def test_scan_all_is_in_primary_key_order(self, use: Use) -> None:
        async with use() as engine:
            await stored(engine, *reversed(self.ROWS), table=EVENTS)
            found = await engine.begin().scan_all(EVENTS, limit=2)
            assert [r.values[3] for r in found] == ["a", "b"]

    async def test_an_index_finds_rows_by_value(self, use: Use) -> None:
        async with use() as engine:
            await stored(engine, (*APPLE, 1, "left"), (*PEAR, 2, "right"))
            found = await engine.begin().scan_index(STOCK, "shelf", "right")
            assert [r.values for r in found] == [(*PEAR, 2, "right")]

    async def test_an_index_on_a_key_finds_rows_by_value(self, use: Use) -> None:
        text = Type.TEXT
        visits = Table(
            "shop", "visits", {"who": text, "what": text}, ("who",), ("what",), ("what",)
        )
        async with use() as engine:
            await engine.apply([visits])
            await stored(engine, ("ann", "a"), ("bob", "b"), table=visits)
            found = await engine.begin().scan_index(visits, "what", "b")
            assert [r.values for r in found] == [("bob", "b")]

    async def test_what_a_scan_returned_may_be_written(self, use: Use) -> None:
        async with use() as engine:
            await stored(engine, (*APPLE, 1, None), (*PEAR, 2, None))
            transaction = engine.begin()
            for record in await transaction.scan(STOCK, ("fruit",)):
                transaction.put(STOCK, (*record.values[:2], 0, None))
            await transaction.commit()
            assert (await values(engine, PEAR))[2] == 0
