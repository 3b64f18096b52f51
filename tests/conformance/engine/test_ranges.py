"""Whole numbers and times that a column's type does not have are refused before they are written:
where a storage would keep them, ScalarDB could not read their rows."""

import pytest

from infra.engine.config.settings import CommitOptions
from infra.engine.errors import WriteRefused
from infra.engine.fitting import DATE_MIN_DAYS, DAY_MS, TIME_MAX_MICROS
from infra.engine.metadata import described, table_of
from infra.engine.table import Table, Type, Value
from tests.conformance.engine.cases import STOCK, Use, stored, values

RANGED = Table(
    "shop",
    "ranged",
    {"id": Type.TEXT, "int": Type.INT, "big": Type.BIGINT, "day": Type.DATE, "time": Type.TIME}
    | {"at": Type.TIMESTAMPTZ},
    ("id",),
)
BAD: list[tuple[str, Value]] = [
    ("int", 2**31),
    ("int", "7"),
    ("int", 1.5),
    ("big", 2**63),
    ("day", DATE_MIN_DAYS - 1),
    ("time", TIME_MAX_MICROS + 1),
    ("time", -1),
    ("at", DATE_MIN_DAYS * DAY_MS - 1),
]


@pytest.mark.parametrize("one_phase", [True, False])
async def test_a_number_out_of_range_is_refused_and_its_transaction_leaves_nothing(
    use: Use, one_phase: bool
) -> None:
    good = ("a", 2**31 - 1, -(2**63), DATE_MIN_DAYS, TIME_MAX_MICROS, DATE_MIN_DAYS * DAY_MS)
    async with use(options=CommitOptions(one_phase_commit=one_phase)) as engine:
        await engine.apply([RANGED])
        await stored(engine, good, table=RANGED)
        for column, value in BAD:
            at = list(RANGED.columns).index(column)
            for update in (False, True):
                key = "a" if update else "b"
                row = (key, *good[1:at], value, *good[at + 1 :])
                transaction = engine.begin()
                await transaction.fetch({RANGED: [(key,)]})
                transaction.put(RANGED, row)
                with pytest.raises(WriteRefused, match=rf"shop\.ranged\.{column} of \('{key}',\)"):
                    await transaction.commit()
        assert await values(engine, ("a",), RANGED) == good
        assert await values(engine, ("b",), RANGED) is None


def test_a_description_that_lacks_an_image_describes_no_table() -> None:
    whole = described(STOCK)
    assert table_of("shop", "stock", whole)
    for column in STOCK.rest:
        less = {name: row for name, row in whole.items() if name != f"before_{column}"}
        assert table_of("shop", "stock", less) is None
