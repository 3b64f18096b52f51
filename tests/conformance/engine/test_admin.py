"""Namespaces and tables are made, described, widened and removed alike on every storage."""

import pytest

from infra.engine.errors import InvalidRequest, SchemaMismatch
from infra.engine.metadata import described
from infra.engine.table import Table, Type
from tests.conformance.engine.cases import ORDERS, STOCK, TABLES, Use, stored, values

NOTES = Table(
    "notes",
    "note",
    {"author": Type.TEXT, "at": Type.BIGINT, "no": Type.INT, "title": Type.TEXT, "raw": Type.BLOB},
    ("author",),
    ("at", "no"),
    ("title",),
    frozenset({"at"}),
)


async def test_a_table_is_found_as_it_was_made(use: Use) -> None:
    async with use() as engine:
        await engine.admin.create_namespace("notes")
        await engine.admin.create_table(NOTES)
        await engine.admin.create_table(NOTES)
        found = await engine.admin.describe("notes", "note")
        assert described(found) == described(NOTES)
        assert (found.partition, found.clustering) == (NOTES.partition, NOTES.clustering)
        assert await engine.admin.tables("notes") == ["note"]
        assert {"notes", "shop"} <= set(await engine.admin.namespaces())
        assert await engine.admin.describe("notes", "none") is None
        coordinator = await engine.admin.describe("coordinator", "state")
        assert coordinator.plain
        assert coordinator.partition == ("tx_id",)


async def test_a_table_that_is_not_there_is_not_widened(use: Use) -> None:
    async with use() as engine:
        await engine.admin.create_namespace("notes")
        with pytest.raises(SchemaMismatch, match=r"notes\.note does not exist"):
            await engine.admin.add_column(NOTES, "more", Type.INT)
        assert await engine.admin.describe("notes", "note") is None


async def test_a_table_is_dropped_with_its_rows_and_a_namespace_only_empty(use: Use) -> None:
    async with use() as engine:
        await engine.admin.create_table(NOTES)
        await stored(engine, ("ann", 1, 1, "t", b""), table=NOTES)
        with pytest.raises(InvalidRequest, match="still has note"):
            await engine.admin.drop_namespace("notes")
        await engine.admin.drop_table(NOTES)
        await engine.admin.drop_table(NOTES)
        assert await engine.admin.describe("notes", "note") is None
        await engine.admin.drop_namespace("notes")
        await engine.admin.drop_namespace("notes")
        assert "notes" not in await engine.admin.namespaces()
        await engine.admin.create_table(NOTES)
        assert await engine.begin().scan_all(NOTES) == []


async def test_a_column_is_added_to_rows_that_are_there(use: Use) -> None:
    async with use() as engine:
        await engine.admin.create_table(NOTES)
        await stored(engine, ("ann", 1, 1, "t", b""), table=NOTES)
        wider = await engine.admin.add_column(NOTES, "pages", Type.INT)
        with pytest.raises(InvalidRequest, match="pages already"):
            await engine.admin.add_column(wider, "pages", Type.INT)
        (record,) = await engine.begin().scan(wider, ("ann",))
        assert record.values == ("ann", 1, 1, "t", b"", None)
        found = await engine.admin.describe("notes", "note")
        assert described(found) == described(wider)


@pytest.mark.parametrize(
    "columns",
    [{"tx_id": Type.TEXT}, {"before_tx_state": Type.INT}, {"a": Type.INT, "before_a": Type.INT}],
)
async def test_names_that_the_protocol_uses_are_refused(use: Use, columns: dict[str, Type]) -> None:
    async with use() as engine:
        with pytest.raises(InvalidRequest, match="uses that name"):
            await engine.admin.create_table(
                Table("notes", "bad", {"id": Type.INT} | columns, ("id",))
            )
        fine = Table("notes", "fine", {"id": Type.INT, "before_x": Type.INT}, ("id",))
        await engine.admin.create_table(fine)
        assert described(await engine.admin.describe("notes", "fine")) == described(fine)


async def test_a_key_is_no_image_of_another_column(use: Use) -> None:
    keyed = Table("notes", "bad", {"before_a": Type.INT, "a": Type.INT}, ("before_a",))
    async with use() as engine:
        with pytest.raises(InvalidRequest, match="uses that name"):
            await engine.admin.create_table(keyed)


@pytest.mark.parametrize(("namespace", "name"), [("a.b", "c"), ("a", "b.c"), ("a$b", "c")])
async def test_a_name_that_could_mean_two_tables_is_refused(
    use: Use, namespace: str, name: str
) -> None:
    async with use() as engine:
        with pytest.raises(InvalidRequest, match="neither"):
            await engine.admin.create_table(Table(namespace, name, {"id": Type.INT}, ("id",)))


@pytest.mark.needs("postgres")
@pytest.mark.parametrize(
    ("namespace", "name", "column"),
    [("n" * 64, "t", "v"), ("n", "t" * 64, "v"), ("n", "t", "v" * 57), ("n", "t", "ä" * 29)],
)
async def test_a_name_that_postgres_would_cut_is_refused(
    use: Use, namespace: str, name: str, column: str
) -> None:
    columns = {"id": Type.INT, column: Type.INT}
    async with use() as engine:
        with pytest.raises(InvalidRequest, match="63 bytes"):
            await engine.admin.create_table(Table(namespace, name, columns, ("id",)))


async def test_a_name_may_be_as_long_as_its_image_before_allows(use: Use) -> None:
    columns = {"id": Type.INT, "v" * 56: Type.INT, "v" * 55 + "w": Type.INT}
    table = Table("notes", "n" * 40, columns, ("id",))
    async with use() as engine:
        await engine.admin.create_table(table)
        await stored(engine, (1, 2, 3), table=table)
        assert await values(engine, (1,), table) == (1, 2, 3)


async def test_a_table_of_many_columns_is_read_and_written(use: Use) -> None:
    wide = Table("notes", "wide", {f"c{i}": Type.INT for i in range(200)}, ("c0",))
    async with use() as engine:
        await engine.admin.create_table(wide)
        await stored(engine, tuple(range(200)), table=wide)
        async with engine.transaction() as tx:
            await tx.update(wide, {"c0": 0, "c199": 7})
        (record,) = await engine.begin().scan_all(wide)
        assert record.values == (*range(199), 7)


async def test_a_comment_in_a_name_is_a_name(use: Use) -> None:
    async with use() as engine:
        if engine.storage_of(STOCK).name == "cassandra":
            table = Table("notes", "odd", {"id": Type.INT, "/*rows*/": Type.INT}, ("id",))
        else:
            table = Table("/*rows*/", "/*rows*/", {"id": Type.INT, "/*rows*/": Type.INT}, ("id",))
        await engine.admin.create_table(table)
        await stored(engine, (1, 2), table=table)
        async with engine.transaction() as tx:
            await tx.update(table, {"id": 1, "/*rows*/": 3})
        assert await values(engine, (1,), table) == (1, 3)
        async with engine.transaction() as tx:
            await tx.delete(table, 1)
        assert await values(engine, (1,), table) is None


@pytest.mark.needs("mapped")
async def test_a_table_is_found_where_it_is_mapped_to(use: Use) -> None:
    async with use() as engine:
        found = await engine.admin.describe("shop", "orders")
        assert described(found) == described(ORDERS)
        assert await engine.admin.tables("shop") == sorted(table.name for table in TABLES)
        with pytest.raises(InvalidRequest, match="SQLite's tables cannot be imported"):
            await engine.admin.import_table("shop", "orders")


async def test_the_coordinators_table_is_repaired_only_where_it_is(use: Use) -> None:
    async with use() as engine:
        await engine.admin.repair_coordinator_tables()
        state = await engine.admin.describe("coordinator", "state")
        await engine.admin.drop_table(state)
        with pytest.raises(SchemaMismatch, match=r"coordinator\.state"):
            await engine.admin.repair_coordinator_tables()


async def test_names_cannot_break_out_of_a_statement(use: Use) -> None:
    evil = 'x"; DROP TABLE "shop"."stock"; --'
    table = Table(
        "shop", "quoted", {"id": Type.TEXT, evil: Type.TEXT, "o'k": Type.TEXT}, ("id",), (), (evil,)
    )
    async with use() as engine:
        await stored(engine, ("fruit", "apple", 1, "'; DROP TABLE shop.stock; --"))
        await engine.admin.create_table(table)
        await stored(engine, ("' OR 1=1 --", "a", "b"), table=table)
        assert len(await engine.begin().scan_index(table, evil, "a")) == 1
        assert await engine.begin().scan(table, ("x",)) == []
        assert len(await engine.begin().scan_all(STOCK)) == 1
