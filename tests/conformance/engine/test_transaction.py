"""The transaction for people: own writes are seen, conditions hold, bad requests are named."""

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest

from infra.engine.conditions import EXISTS, NOT_EXISTS, col
from infra.engine.consensus import ConsensusCommit
from infra.engine.engine import Isolation
from infra.engine.errors import Conflict, InvalidRequest, Unsatisfied, WriteRefused
from infra.engine.table import Table, Type
from infra.engine.transaction import Transaction
from tests.conformance.engine.cases import EVENTS, ORDERS, STOCK, Use

APPLE = {"category": "fruit", "product": "apple", "left": 3, "shelf": "a"}
PEAR = {"category": "fruit", "product": "pear", "left": 1, "shelf": "b"}
KEY = ("fruit", "apple")
#: The first TIMESTAMP there may be, and the last one before 1970.
LONG_AGO = datetime.fromisoformat("1000-01-01T00:00:00")
JUST_BEFORE = datetime.fromisoformat("1969-12-31T23:59:59.999")
EVERY = Table(
    "shop",
    "every",
    {
        "id": Type.INT,
        "flag": Type.BOOLEAN,
        "small": Type.INT,
        "big": Type.BIGINT,
        "single": Type.FLOAT,
        "double": Type.DOUBLE,
        "text": Type.TEXT,
        "raw": Type.BLOB,
        "day": Type.DATE,
        "clock": Type.TIME,
        "local": Type.TIMESTAMP,
        "moment": Type.TIMESTAMPTZ,
    },
    ("id",),
)


async def saved(engine: ConsensusCommit, table: Table, *rows: dict[str, Any]) -> None:
    async with engine.transaction() as tx:
        for row in rows:
            await tx.insert(table, row)


async def test_own_writes_are_seen_before_anybody_else_sees_them(use: Use) -> None:
    async with use() as engine:
        await saved(engine, STOCK, APPLE)
        async with engine.transaction() as tx:
            await tx.update(STOCK, {"category": "fruit", "product": "apple", "left": 2})
            await tx.insert(STOCK, PEAR)
            assert await tx.get(STOCK, KEY) == APPLE | {"left": 2}
            assert await tx.get_many(STOCK, [("fruit", "pear"), KEY]) == [
                PEAR, APPLE | {"left": 2}
            ]  # fmt: skip
            await tx.delete(STOCK, KEY)
            assert await tx.get(STOCK, KEY) is None
            async with engine.transaction() as other:
                assert await other.get(STOCK, KEY) == APPLE
        async with engine.transaction() as tx:
            assert await tx.get_many(STOCK, [KEY, ("fruit", "pear")]) == [None, PEAR]


async def test_an_error_inside_rolls_everything_back(use: Use) -> None:
    async with use() as engine:

        async def half() -> None:
            async with engine.transaction() as tx:
                await tx.insert(STOCK, APPLE)
                await tx.put(ORDERS, {"id": "o1"}, EXISTS)

        with pytest.raises(Unsatisfied):
            await half()
        async with engine.transaction() as tx:
            assert await tx.get(STOCK, KEY) is None


async def test_upsert_keeps_what_is_not_given_unless_the_row_was_deleted(use: Use) -> None:
    async with use() as engine:
        await saved(engine, STOCK, APPLE)
        change = {"category": "fruit", "product": "apple", "left": 7}
        async with engine.transaction() as tx:
            await tx.upsert(STOCK, change)
            assert await tx.get(STOCK, KEY) == APPLE | {"left": 7}
            await tx.delete(STOCK, KEY)
            await tx.upsert(STOCK, change)
        async with engine.transaction() as tx:
            assert await tx.get(STOCK, KEY) == APPLE | {"left": 7, "shelf": None}


async def test_an_update_of_nothing_does_nothing(use: Use) -> None:
    async with use() as engine:
        async with engine.transaction() as tx:
            await tx.update(STOCK, APPLE)
            with pytest.raises(Unsatisfied):
                await tx.update(STOCK, APPLE, col("left") > 0)
        async with engine.transaction() as tx:
            assert await tx.get(STOCK, KEY) is None


Write = Callable[[Transaction], Any]


@pytest.mark.parametrize(
    ("there", "write", "allowed"),
    [
        (True, lambda tx: tx.put(STOCK, APPLE, EXISTS), True),
        (False, lambda tx: tx.put(STOCK, APPLE, EXISTS), False),
        (True, lambda tx: tx.put(STOCK, APPLE, NOT_EXISTS), False),
        (False, lambda tx: tx.put(STOCK, APPLE, NOT_EXISTS), True),
        (True, lambda tx: tx.put(STOCK, APPLE, col("left") == 3), True),
        (True, lambda tx: tx.put(STOCK, APPLE, col("left") > 3), False),
        (True, lambda tx: tx.put(STOCK, APPLE, (col("left") > 3) | (col("shelf") == "a")), True),
        (True, lambda tx: tx.put(STOCK, APPLE, (col("left") > 3) & (col("shelf") == "a")), False),
        (True, lambda tx: tx.put(STOCK, APPLE, col("shelf").is_null()), False),
        (True, lambda tx: tx.update(STOCK, APPLE, col("shelf").is_not_null()), True),
        (True, lambda tx: tx.delete(STOCK, KEY, col("left") <= 3), True),
        (True, lambda tx: tx.delete(STOCK, KEY, col("left") != 3), False),
        (False, lambda tx: tx.delete(STOCK, KEY, EXISTS), False),
    ],
)
async def test_a_condition_lets_a_write_through_or_names_it(
    use: Use, there: bool, write: Write, allowed: bool
) -> None:
    async with use() as engine:
        if there:
            await saved(engine, STOCK, APPLE)
        async with engine.transaction() as tx:
            if allowed:
                await write(tx)
            else:
                with pytest.raises(Unsatisfied, match=r"shop\.stock.*apple"):
                    await write(tx)


async def test_a_deleted_row_that_was_not_there_must_not_appear_meanwhile(use: Use) -> None:
    async with use() as engine:
        tx = engine.transaction()
        await tx.delete(STOCK, KEY)
        await saved(engine, STOCK, APPLE)
        with pytest.raises(Conflict):
            await tx.commit()
        async with engine.transaction() as tx:
            await tx.delete(STOCK, ("fruit", "none"))
        async with engine.transaction() as tx:
            assert await tx.get(STOCK, ("fruit", "none")) is None


def event(hour: int, minute: int) -> dict[str, Any]:
    at = datetime(2026, 1, 1, hour, minute, tzinfo=UTC)
    return {"day": 1, "hour": hour, "at": at, "text": f"{hour}:{minute}"}


class TestScans:
    @pytest.mark.parametrize(
        ("bounds", "found"),
        [
            ({}, ["3:0", "2:0", "2:30", "1:0"]),
            ({"reverse": True}, ["1:0", "2:30", "2:0", "3:0"]),
            ({"limit": 2}, ["3:0", "2:0"]),
            ({"start": 2}, ["3:0", "2:0", "2:30"]),
            ({"start": 2, "start_inclusive": False}, ["3:0"]),
            ({"end": 2, "end_inclusive": False}, ["1:0"]),
            ({"start": 2, "end": 2}, ["2:0", "2:30"]),
            ({"start": (2, datetime(2026, 1, 1, 2, 1, tzinfo=UTC))}, ["2:30"]),
            ({"where": col("text") > "2:0"}, ["3:0", "2:30"]),
            ({"where": col("text") > "2:0", "limit": 1}, ["3:0"]),
            ({"where": (col("text") == "1:0") | (col("hour") == 3)}, ["3:0", "1:0"]),
        ],
    )
    async def test_a_partition_gives_what_was_asked_for(
        self, use: Use, bounds: dict[str, Any], found: list[str]
    ) -> None:
        async with use() as engine:
            await saved(engine, EVENTS, event(1, 0), event(2, 0), event(2, 30), event(3, 0))
            await saved(engine, EVENTS, event(2, 0) | {"day": 2})
            async with engine.transaction() as tx:
                rows = await tx.scan(EVENTS, 1, **bounds)
            assert [row["text"] for row in rows] == found
            assert all(row == event(row["hour"], row["at"].minute) for row in rows)

    async def test_index_and_whole_table_are_filtered_too(self, use: Use) -> None:
        async with use() as engine:
            await saved(engine, STOCK, APPLE, PEAR, PEAR | {"product": "plum", "left": 5})
            async with engine.transaction() as tx:
                assert await tx.scan_index(STOCK, "shelf", "b", where=col("left") < 5) == [PEAR]
                assert await tx.scan_all(STOCK, where=col("left") <= 3) == [APPLE, PEAR]
                assert await tx.scan_all(STOCK, where=col("left") > 1, limit=1) == [APPLE]
                assert await tx.get_by_index(STOCK, "shelf", "a") == APPLE
                assert await tx.get_by_index(STOCK, "shelf", "z") is None
                with pytest.raises(InvalidRequest, match="2 rows"):
                    await tx.get_by_index(STOCK, "shelf", "b")

    async def test_null_meets_no_comparison(self, use: Use) -> None:
        async with use() as engine:
            await saved(engine, STOCK, APPLE | {"shelf": None})
            async with engine.transaction() as tx:
                for where in (col("shelf") != "a", col("shelf") == "a", col("shelf") < "z"):
                    assert await tx.scan_all(STOCK, where=where) == []
                    assert await tx.get(STOCK, KEY, where) is None
                assert len(await tx.scan_all(STOCK, where=col("shelf").is_null())) == 1

    @pytest.mark.parametrize(
        "scan",
        [
            lambda tx: tx.scan(STOCK, "fruit"),
            lambda tx: tx.scan(STOCK, "fruit", end="b"),
            lambda tx: tx.scan_index(STOCK, "shelf", "a"),
            lambda tx: tx.scan_all(STOCK),
            lambda tx: tx.scan_all(STOCK, where=col("left") > 2),
        ],
    )
    async def test_a_scan_over_own_writes_is_refused(self, use: Use, scan: Any) -> None:
        async with use() as engine:
            tx = engine.transaction()
            await tx.insert(STOCK, APPLE)
            with pytest.raises(InvalidRequest, match=r"shop\.stock.*apple.*scan"):
                await scan(tx)
            await tx.rollback()

    async def test_a_scan_beside_own_writes_is_not(self, use: Use) -> None:
        async with use() as engine, engine.transaction() as tx:
            await tx.insert(STOCK, APPLE)
            assert await tx.scan(STOCK, "vegetable") == []
            assert await tx.scan(STOCK, "fruit", start="b") == []
            assert await tx.scan_index(STOCK, "shelf", "b") == []
            assert await tx.scan_all(STOCK, where=col("left") > 3) == []
            assert await tx.scan_all(ORDERS) == []


class TestReadCommitted:
    async def test_a_row_may_change_between_two_reads(self, use: Use) -> None:
        async with use() as engine:
            await saved(engine, STOCK, APPLE)
            tx = engine.transaction(isolation=Isolation.READ_COMMITTED)
            assert await tx.get(STOCK, KEY) == APPLE
            async with engine.transaction() as other:
                await other.update(STOCK, APPLE | {"left": 2})
            assert await tx.get(STOCK, KEY) == APPLE | {"left": 2}
            await tx.update(STOCK, APPLE | {"left": 1})
            with pytest.raises(Conflict):
                await tx.commit()


class TestRequests:
    @pytest.mark.parametrize(
        ("request_", "error", "names"),
        [
            (lambda tx: tx.get(STOCK, ("fruit",)), InvalidRequest, r"shop\.stock.*product"),
            (lambda tx: tx.get(STOCK, ("fruit", None)), InvalidRequest, r"product.*None"),
            (lambda tx: tx.get(STOCK, ("", "apple")), InvalidRequest, r"stock\.category"),
            (lambda tx: tx.get(STOCK, ("fruit", 7)), WriteRefused, r"stock\.product: int"),
            (lambda tx: tx.get(STOCK, {"category": "x"}), InvalidRequest, "lacks product"),
            (lambda tx: tx.insert(STOCK, APPLE | {"colour": 1}), InvalidRequest, "'colour'"),
            (lambda tx: tx.insert(STOCK, APPLE | {"left": 2**63}), WriteRefused, r"stock\.left"),
            (lambda tx: tx.insert(STOCK, APPLE | {"left": "3"}), WriteRefused, "str is no BIGINT"),
            (lambda tx: tx.insert(STOCK, APPLE | {"left": True}), WriteRefused, "bool is no"),
            (lambda tx: tx.upsert(STOCK, APPLE | {"shelf": "\ud800"}), WriteRefused, "surrogate"),
            (lambda tx: tx.scan(STOCK, ("fruit", "x")), InvalidRequest, "category"),
            (lambda tx: tx.scan(STOCK, "fruit", limit=0), InvalidRequest, "at least 1"),
            (lambda tx: tx.scan_index(STOCK, "left", 3), InvalidRequest, "has no index.*shelf"),
            (lambda tx: tx.scan_all(STOCK, where=col("colour") == 1), InvalidRequest, "'colour'"),
            (lambda tx: tx.get(EVERY, 1, col("day") == 5), WriteRefused, "takes a date"),
        ],
    )
    async def test_a_bad_request_is_named_before_anything_is_done(
        self, use: Use, request_: Any, error: type[Exception], names: str
    ) -> None:
        async with use() as engine:
            tx = engine.transaction()
            with pytest.raises(error, match=names):
                await request_(tx)
            await tx.rollback()

    @pytest.mark.parametrize(
        ("column", "value", "reason"),
        [
            ("small", 2**31, "out of range for INT"),
            ("single", 1e39, "out of range for FLOAT"),
            ("day", date(999, 12, 31), "out of range for DATE"),
            ("day", LONG_AGO, "takes a date"),
            ("clock", time(1, tzinfo=UTC), "no time zone"),
            ("local", datetime(2026, 1, 1, tzinfo=UTC), "no time zone"),
            ("moment", LONG_AGO, "needs a time zone"),
            ("moment", datetime(2026, 1, 1, 0, 0, 0, 1, tzinfo=UTC), "finer than a millisecond"),
            ("local", LONG_AGO - timedelta(milliseconds=1), "out of range"),
            ("raw", "text", "str is no BLOB"),
            ("text", b"raw", "bytes is no TEXT"),
        ],
    )
    async def test_a_value_that_does_not_fit_is_named(
        self, use: Use, column: str, value: Any, reason: str
    ) -> None:
        async with use() as engine:
            tx = engine.transaction()
            with pytest.raises(WriteRefused, match=rf"shop\.every\.{column}.*{reason}"):
                await tx.insert(EVERY, {"id": 1, column: value})
            await tx.rollback()

    async def test_an_inserted_row_is_changed_but_neither_deleted_nor_inserted_again(
        self, use: Use
    ) -> None:
        async with use() as engine:
            async with engine.transaction() as tx:
                await tx.insert(STOCK, APPLE)
                with pytest.raises(InvalidRequest):
                    await tx.insert(STOCK, APPLE)
                with pytest.raises(InvalidRequest):
                    await tx.delete(STOCK, KEY)
                await tx.update(STOCK, APPLE | {"left": 8})
                await tx.upsert(STOCK, APPLE | {"shelf": "x"})
            async with engine.transaction() as tx:
                assert await tx.get(STOCK, KEY) == APPLE | {"shelf": "x"}

    async def test_a_read_only_transaction_writes_nothing(self, use: Use) -> None:
        async with use() as engine, engine.transaction(read_only=True) as tx:
            with pytest.raises(InvalidRequest, match="read-only"):
                await tx.insert(STOCK, APPLE)
            assert await tx.get(STOCK, KEY) is None


async def test_every_type_comes_back_as_it_was(use: Use, binding: Any) -> None:
    rows = [
        dict.fromkeys(EVERY.columns) | {"id": 0},
        {
            "id": 1, "flag": True, "small": -(2**31), "big": 2**63 - 1, "single": 0.5,
            "double": 0.1, "text": "", "raw": b"", "day": date(1000, 1, 1), "clock": time(0),
            "local": LONG_AGO, "moment": datetime(1000, 1, 1, tzinfo=UTC),
        },
        {
            "id": 2, "flag": False, "small": 2**31 - 1, "big": -(2**63), "single": -3.4028235e38,
            "double": 5e-324, "text": "踊り\U0001f57a", "raw": bytes(range(256)),
            "day": date(9999, 12, 31), "clock": time(23, 59, 59, 123456),
            "local": JUST_BEFORE,
            "moment": datetime(9999, 12, 31, 23, 59, 59, 999000, tzinfo=UTC),
        },
    ]  # fmt: skip
    every = EVERY
    if "TIMESTAMP" not in binding.can:
        every = Table(
            "shop", "every", {c: EVERY.columns[c] for c in rows[0] if c != "local"}, ("id",)
        )
        rows = [{column: row[column] for column in every.columns} for row in rows]
    async with use() as engine:
        await engine.apply([every])
        await saved(engine, every, *rows)
        async with engine.transaction() as tx:
            found = await tx.get_many(every, [0, 1, 2])
            assert found[1:] == [rows[1], rows[2] | {"single": -3.4028234663852886e38}]
            assert found[0] == rows[0]
            for column, value in rows[1].items():
                assert len(await tx.scan_all(every, where=col(column) == value)) == 1


async def test_a_scan_of_everything_may_be_forbidden(use: Use) -> None:
    async with use() as engine:
        engine.scan_all = False
        async with engine.transaction() as tx:
            with pytest.raises(InvalidRequest, match="cross_partition_scan"):
                await tx.scan_all(STOCK)
            assert await tx.scan(STOCK, "fruit") == []
