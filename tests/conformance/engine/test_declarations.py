"""A table is used as it is on disk, or not at all; two objects that declare it are one table."""

import sqlite3
from contextlib import closing
from typing import Any

import pytest

from infra.engine.errors import InvalidRequest, SchemaMismatch
from infra.engine.table import Table, Type
from tests.conformance.engine.cases import ORDERS, Use, stored

WHOLE = {"id": Type.TEXT, "state": Type.TEXT, "why": Type.TEXT}
WIDER = Table("shop", "orders", WHOLE, ("id",))
OTHERS = [
    (ORDERS, "why"),
    (Table("shop", "orders", WHOLE | {"more": Type.INT}, ("id",)), "more"),
    (Table("shop", "orders", WHOLE | {"why": Type.BIGINT}, ("id",)), "why"),
    (Table("shop", "orders", WHOLE, ("id",), ("state",)), "state"),
]


def same(table: Table) -> Table:
    """Another object that declares the same."""
    return Table(table.namespace, table.name, dict(table.columns), table.partition)


async def read_row(engine: Any, table: Table) -> None:
    async with engine.transaction() as tx:
        await tx.get(table, ("o1", "placed")[: table.key_width])


async def scan_rows(engine: Any, table: Table) -> None:
    async with engine.transaction() as tx:
        await tx.scan_all(table)


async def insert_row(engine: Any, table: Table) -> None:
    async with engine.transaction() as tx:
        await tx.insert(table, {"id": "o2", "state": "placed"})


async def prepare_row(engine: Any, table: Table) -> None:
    share = engine.participate()
    share.batch.insert(table, ("o2", "placed", *[None] * (len(table.columns) - 2)))
    try:
        await share.prepare()
    finally:
        await share.rollback()


@pytest.mark.parametrize(("other", "column"), OTHERS)
@pytest.mark.parametrize("use_of", [read_row, scan_rows, insert_row, prepare_row])
async def test_a_table_with_other_columns_is_refused_before_anything_is_done(
    use: Use, binding: Any, other: Table, column: str, use_of: Any
) -> None:
    async with use() as engine:
        await engine.apply([WIDER])
        await stored(engine, ("o1", "placed", "new"), table=WIDER)
        later = binding.open()  # knows nothing of what was made
        try:
            with pytest.raises(SchemaMismatch, match=rf"shop\.orders.*{column}"):
                await use_of(later, other)
        finally:
            await later.close()
        found = await engine.begin().scan_all(WIDER)
        assert [record.values for record in found] == [("o1", "placed", "new")]


async def test_a_declaration_that_was_right_is_refused_after_a_column_was_added(use: Use) -> None:
    async with use() as engine:
        await stored(engine, ("o1", "placed"), table=ORDERS)
        wider = await engine.admin.add_column(ORDERS, "why", Type.TEXT)
        with pytest.raises(SchemaMismatch, match="why"):
            await read_row(engine, ORDERS)
        async with engine.transaction() as tx:
            assert await tx.get(wider, "o1") == {"id": "o1", "state": "placed", "why": None}


async def test_a_shape_is_asked_for_once(use: Use, binding: Any) -> None:
    async with use():
        later = binding.open()
        asked = []
        (storage,) = {later.storage_of(ORDERS)}
        describe = storage.describe

        async def counted(namespace: str, name: str) -> Table | None:
            asked.append(name)
            found: Table | None = await describe(namespace, name)
            return found

        storage.describe = counted
        try:
            for _ in range(3):
                await read_row(later, ORDERS)
                await scan_rows(later, ORDERS)
            assert asked == ["orders"]
        finally:
            await later.close()


async def test_writes_are_seen_through_any_object_of_the_table(use: Use) -> None:
    async with use() as engine:
        await stored(engine, ("o1", "placed"), table=ORDERS)
        twin = same(ORDERS)
        async with engine.transaction() as tx:
            await tx.update(ORDERS, {"id": "o1", "state": "paid"})
            assert (await tx.get(twin, "o1"))["state"] == "paid"
            with pytest.raises(InvalidRequest, match=r"own|writ"):
                await tx.scan_all(twin)
            await tx.update(twin, {"id": "o1", "state": "sent"})
        async with engine.transaction() as tx:
            assert (await tx.get(twin, "o1"))["state"] == "sent"
            assert (await tx.get(ORDERS, "o1"))["state"] == "sent"


async def test_a_row_inserted_through_one_object_is_not_deleted_through_its_twin(use: Use) -> None:
    async with use() as engine:
        tx = engine.transaction()
        await tx.insert(ORDERS, {"id": "o1", "state": "placed"})
        with pytest.raises(InvalidRequest, match="was inserted in this transaction"):
            await tx.delete(same(ORDERS), "o1")
        await tx.update(same(ORDERS), {"id": "o1", "state": "paid"})
        await tx.commit()
        async with engine.transaction() as tx:
            assert await tx.get(ORDERS, "o1") == {"id": "o1", "state": "paid"}


async def test_two_declarations_in_one_transaction_are_refused(use: Use) -> None:
    async with use() as engine:
        tx = engine.transaction()
        await tx.insert(ORDERS, {"id": "o1", "state": "placed"})
        with pytest.raises(InvalidRequest, match=r"shop\.orders.*two ways"):
            await tx.get(WIDER, "o1")
        await tx.rollback()


async def test_the_columns_on_disk_are_told_by_name(use: Use) -> None:
    async with use() as engine:
        assert await engine.columns(ORDERS) == dict.fromkeys(ORDERS.stored, "")
        other = await engine.columns(Table("shop", "orders", WHOLE | {"state": Type.INT}, ("id",)))
        assert {column for column, wrong in other.items() if wrong} == {"state", "before_state"}
        assert ", declared int" in other["state"].lower()
        for namespace in ("shop", "none"):
            none = Table(namespace, "none", {"id": Type.INT}, ("id",))
            assert await engine.columns(none) == {}


@pytest.mark.needs("sqlite")
async def test_a_table_that_was_dropped_by_hand_is_not_described(use: Use, binding: Any) -> None:
    async with use() as engine:
        with closing(sqlite3.connect(binding.path)) as connection:
            connection.execute('DROP TABLE "shop$orders"')
        assert await engine.describe("shop", "orders") is None
        assert await engine.columns(ORDERS) == {}


@pytest.mark.needs("postgres")
async def test_a_table_that_was_dropped_by_hand_is_not_described_by_postgres(use: Use) -> None:
    async with use() as engine:
        async with engine.storage.pool.connection() as connection:
            await connection.execute('DROP TABLE "shop"."orders"')
        assert await engine.describe("shop", "orders") is None
        assert await engine.columns(ORDERS) == {}
