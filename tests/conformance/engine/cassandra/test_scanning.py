"""Scans: ranges over clustering columns of both orders, pages, rows that are being written."""

from itertools import product
from typing import Any

import pytest

from infra.engine.cassandra.connection import PAGE_ROWS
from infra.engine.cassandra.writing import UNIT_MAX_ROWS
from infra.engine.storage import Change, Pending, Selection, Where
from infra.engine.table import Key, Record, Table
from tests.conformance.engine.cases import APPLE, EVENTS, PEAR, STOCK, Use, stored

pytestmark = pytest.mark.needs("cassandra")

HOURS = [(1, hour, at, None) for hour, at in product(range(4), range(3))]
CATEGORY = Where(("category",), "=", ("fruit",))
DAY = Where(("day",), "=", (1,))


async def selected(engine: Any, selection: Selection) -> list[Key]:
    width = selection.table.key_width
    found = await engine.storages["cassandra"].session().select(selection, [])
    return [row.values[:width] for row in found]


def expected(table: Table, wheres: list[Where], reverse: bool) -> list[Key]:
    """The same by sorting and comparing in Python."""
    ways = {
        "=": lambda a, b: a == b,
        ">=": lambda a, b: a >= b,
        "<=": lambda a, b: a <= b,
        ">": lambda a, b: a > b,
        "<": lambda a, b: a < b,
    }
    places = {column: i for i, column in enumerate(table.columns)}
    rows = sorted(HOURS, key=lambda row: (-row[1], row[2]), reverse=reverse)
    return [
        row[:3]
        for row in rows
        if all(ways[w.operator](tuple(row[places[c]] for c in w.columns), w.values) for w in wheres)
    ]


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize(
    "wheres",
    [
        [Where(("hour", "at"), ">", (1, 1))],
        [Where(("hour", "at"), ">=", (1, 1)), Where(("hour", "at"), "<", (3, 0))],
        [Where(("hour",), ">", (0,)), Where(("hour", "at"), "<=", (2, 1))],
        [Where(("hour",), "=", (2,)), Where(("at",), ">", (0,))],
        [Where(("hour",), "=", (2,)), Where(("at",), ">=", (0,)), Where(("at",), "<", (2,))],
        [Where(("at",), "=", (1,))],
        [Where(("at",), ">", (0,)), Where(("hour",), ">", (1,)), Where(("hour",), ">", (2,))],
        [Where(("hour", "at"), "=", (2, 2))],
    ],
    ids=lambda wheres: " ".join(f"{','.join(w.columns)}{w.operator}{w.values}" for w in wheres),
)
async def test_any_conditions_in_either_direction(
    use: Use, wheres: list[Where], reverse: bool
) -> None:
    async with use() as engine:
        await stored(engine, *HOURS, table=EVENTS)
        wanted = expected(EVENTS, wheres, reverse)
        for limit in (None, 2):
            selection = Selection(EVENTS, (DAY, *wheres), EVENTS.clustering, reverse, limit)
            assert await selected(engine, selection) == wanted[:limit]
        everywhere = Selection(EVENTS, tuple(wheres), EVENTS.keys, reverse)
        assert await selected(engine, everywhere) == wanted


async def test_an_answer_of_several_pages_is_whole(use: Use) -> None:
    async with use() as engine:
        keys = [("fruit", f"p{i:05}") for i in range(PAGE_ROWS + 200)]
        for at in range(0, len(keys), UNIT_MAX_ROWS):
            rows = [(*key, 1, None) for key in keys[at : at + UNIT_MAX_ROWS]]
            await stored(engine, *rows)
        by_page = Selection(STOCK, (CATEGORY,), ("product",))
        assert await selected(engine, by_page) == keys
        assert await selected(engine, Selection(STOCK, order=STOCK.keys)) == keys
        last = by_page._replace(reverse=True, limit=PAGE_ROWS + 100)
        assert await selected(engine, last) == keys[:99:-1]


async def test_tests_are_left_to_the_engine_and_the_limit_with_them(use: Use) -> None:
    async with use() as engine:
        await stored(engine, (*APPLE, 1, None), (*PEAR, 2, None))
        tested = Selection(STOCK, (CATEGORY,), ("product",), limit=1, tests=((),))
        assert await selected(engine, tested) == [APPLE, PEAR]


async def test_an_index_finds_rows_by_the_value_before_while_they_are_written(use: Use) -> None:
    async with use() as engine:
        await stored(engine, (*APPLE, 1, "left"), (*PEAR, 2, "left"))
        storage, pending = engine.storages["cassandra"], list[Pending]()
        session = storage.session()
        ((apple,),) = await session.rows([(STOCK, [APPLE])], pending)
        moved = Change(STOCK, [], [(*APPLE, 1, "right", apple.tx_id)], [], [], [])
        await session.prepare("writer", [moved], 10)
        for value, committed in (("left", [PEAR]), ("right", [])):
            pending.clear()
            found = await storage.session().select(
                Selection(STOCK, indexed=("shelf", value)), pending
            )
            assert pending == [Pending(STOCK, APPLE, "writer")]
            records = [row for row in found if isinstance(row, Record)]
            assert [row.values[:2] for row in records] == committed
