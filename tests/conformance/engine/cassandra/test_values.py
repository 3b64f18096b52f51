"""Values at the edges of their types, as ScalarDB keeps them on Cassandra; and those refused."""

import math
import struct
from typing import Any

import pytest
from cassandra.cluster import Session

from infra.engine.errors import WriteRefused
from infra.engine.table import Table, Type, Value
from tests.conformance.engine.cases import ORDERS, Use, read, stored, values
from tests.conformance.engine.cassandra.tables import TYPES

pytestmark = pytest.mark.needs("cassandra")

PAIRS = Table("app", "pairs", {"a": Type.TEXT, "b": Type.TEXT, "c": Type.BLOB}, ("a", "b"), ("c",))
KEYED = Table("app", "keyed", {"id": Type.BLOB, "at": Type.TIME}, ("id",), ("at",))


def row(**given: Value) -> tuple[Value, ...]:
    named: dict[str, Value] = {"pk": "p", "ck": 1, **given}
    return tuple(named.get(column) for column in TYPES.columns)


KEPT: dict[str, list[Value]] = {
    "c_bool": [True, False, None],
    "c_int": [-(2**31), 2**31 - 1],
    "c_bigint": [-(2**63), 2**63 - 1],
    "c_double": [5e-324, -0.0, math.inf, math.nan],
    "c_text": ["", "a\0b", "日本\U0001f600"],
    "c_blob": [b"", b"\0"],
    "c_date": [-354_285, -141_432, 2_932_896],
    "c_time": [0, 86_399_123_456, 86_399_999_999],
    "c_tstz": [-30_610_224_000_000, -1, 253_402_300_799_999],
}


@pytest.mark.parametrize("column", KEPT)
async def test_a_value_comes_back_as_it_was(use: Use, column: str) -> None:
    async with use() as engine:
        await engine.apply([TYPES])
        rows = [row(pk=column, ck=ck, **{column: value}) for ck, value in enumerate(KEPT[column])]
        await stored(engine, *rows, table=TYPES)
        found = await engine.begin().scan(TYPES, (column,))
        assert repr([record.values for record in found]) == repr(rows)


async def test_a_float_is_rounded_to_32_bits(use: Use) -> None:
    floats = [0.1, 1e-45, -3.4028235e38, -0.0, math.nan, -math.inf]
    rounded = [struct.unpack("f", struct.pack("f", value))[0] for value in floats]
    async with use() as engine:
        await engine.apply([TYPES])
        rows = [row(pk="float", ck=ck, c_float=value) for ck, value in enumerate(floats)]
        await stored(engine, *rows, table=TYPES)
        found = await engine.begin().scan(TYPES, ("float",))
        assert repr([record.values[6] for record in found]) == repr(rounded)


async def test_times_are_on_disk_as_scalardb_writes_them(use: Use, driver: Session) -> None:
    async with use() as engine:
        await engine.apply([TYPES])
        times = {"c_date": -354_285, "c_time": 86_399_123_456, "c_tstz": 253_402_300_799_999}
        await stored(engine, row(pk="times", **times), table=TYPES)
    found = driver.execute(
        "SELECT CAST(c_date AS text) AS day, CAST(c_time AS text) AS time,"
        " to_unix_timestamp(c_tstz) AS ms, c_time FROM app.types"
        " WHERE pk = 'times'"
    ).one()
    assert found["day"] == "1000-01-01"
    assert found["time"] == "23:59:59.123456000"
    assert found["ms"] == 253_402_300_799_999
    # Who uses the driver beside the engine gets the driver's own types.
    assert type(found["c_time"]).__name__ == "Time"


async def test_keys_of_every_length_that_cassandra_takes(use: Use) -> None:
    async with use() as engine:
        await engine.apply([PAIRS, KEYED])
        for table, kept in (
            (PAIRS, ("x" * 5_000, "é", b"")),
            (PAIRS, ("x" * 32_000, "y" * (65_535 - 32_006), b"z" * 65_535)),
            (KEYED, (b"\0" * 65_535, 0)),
        ):
            await stored(engine, kept, table=table)
            assert await values(engine, kept, table) == kept


class TestRefusals:
    @pytest.mark.parametrize(
        ("column", "bad"),
        [
            *[
                ("c_bool", 1),
                ("c_int", 2**31),
                ("c_int", True),
                ("c_int", 1.0),
                ("c_bigint", 2**63),
            ],
            *[("c_float", 1e39), ("c_float", "1"), ("c_double", 10**400), ("c_blob", "x")],
            *[("c_text", "\udfff"), ("c_text", b"x"), ("ix", "x" * 65_536)],
            *[("c_date", -354_286), ("c_date", 2_932_897), ("c_time", -1)],
            *[("c_time", 86_400_000_000), ("c_tstz", -30_610_224_000_001)],
            *[("c_tstz", 253_402_300_800_000), ("pk", ""), ("pk", None), ("pk", "x" * 65_536)],
            *[("ck", None), ("ck", 2**31)],
        ],
        ids=lambda part: ascii(part)[:12],
    )
    async def test_what_could_not_be_stored_is_named_before_anything_is_written(
        self, use: Use, column: str, bad: Any
    ) -> None:
        async with use() as engine:
            await engine.apply([TYPES])
            transaction = engine.begin()
            transaction.insert(ORDERS, ("o1", "placed"))
            transaction.insert_new(TYPES, [row(**{column: bad})])
            with pytest.raises(WriteRefused, match=rf"app\.types\.{column} of \("):
                await transaction.commit()
            assert await read(engine, ("o1",), ORDERS) is None

    async def test_a_partition_key_that_is_too_long_as_a_whole(self, use: Use) -> None:
        async with use() as engine:
            await engine.apply([PAIRS])
            with pytest.raises(WriteRefused, match=r"app\.pairs\.a of"):
                await stored(engine, ("x" * 32_000, "y" * 33_530, b""), table=PAIRS)

    async def test_what_is_looked_for_is_checked_too(self, use: Use) -> None:
        async with use() as engine:
            await engine.apply([TYPES])
            with pytest.raises(WriteRefused, match=r"app\.types\.pk"):
                await read(engine, ("", 1), TYPES)
            with pytest.raises(WriteRefused, match=r"app\.types\.ck"):
                await engine.begin().scan(TYPES, ("p",), start=(2**31,))
            with pytest.raises(WriteRefused, match=r"app\.types\.ix"):
                await engine.begin().scan_index(TYPES, "ix", None)
