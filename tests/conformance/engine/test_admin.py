"""Namespaces and tables are made, described, widened and removed alike on every storage."""

import pytest

from infra.engine.errors import InvalidRequest, SchemaMismatch
from infra.engine.metadata import described
from infra.engine.table import Table, Type
from tests.conformance.engine.cases import STOCK, Use, stored

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
