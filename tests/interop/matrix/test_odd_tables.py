"""Tables that are unusual are the same to both engines, or refused by both."""

import pytest

from infra.engine.errors import InvalidRequest
from infra.engine.table import Table, Type
from tests.interop.java import JavaError
from tests.interop.matrix import disk
from tests.interop.matrix.by_hand import both
from tests.interop.matrix.meeting import Meeting, fresh
from tests.interop.matrix.sides import Refused
from tests.interop.places import CassandraPlace, PostgresPlace

pytestmark = pytest.mark.service


async def test_both_refuse_columns_named_as_the_protocols(meeting: Meeting) -> None:
    async with both(meeting) as (_, python):
        for column in ("before_v", "tx_state", "before_tx_id"):
            columns = {"id": Type.INT, "v": Type.INT, column: Type.INT}
            table = Table(meeting.namespace, "named", columns, ("id",))
            with pytest.raises(JavaError, match="DB-CORE-1010"):
                meeting.create(table)
            with pytest.raises(InvalidRequest, match=column):
                await python.engine.admin.create_table(table)
        columns = {"id": Type.INT, "v": Type.INT, "before_": Type.INT, "before_w": Type.INT}
        table = Table(meeting.namespace, "allowed", columns, ("id",))
        meeting.create(table)
        found = await python.engine.admin.describe(table.namespace, table.name)
        assert found
        assert found.columns == columns


async def test_both_tell_the_same_namespaces(meeting: Meeting) -> None:
    async with both(meeting) as (_, python):
        admin = python.engine.admin
        mine = {name for name in await admin.namespaces() if await admin.tables(name)}
        assert meeting.namespace in mine
        said = {n for n in meeting.ask("namespaces") if meeting.ask("tables", namespace=n)}
        assert mine - {"coordinator"} == said - {"scalardb", "coordinator"}


async def test_a_table_whose_description_is_not_whole_is_none_for_either(meeting: Meeting) -> None:
    table = Table(meeting.namespace, fresh(), {"id": Type.INT, "v": Type.INT}, ("id",))
    meeting.create(table)
    name = disk.named(meeting.place, table.namespace, table.name)
    described = disk.named(meeting.place, "scalardb", "metadata")
    rows = f"DELETE FROM {described} WHERE full_table_name='{table.full_name}'"
    damage = [f"{rows} AND column_name='before_v'", rows]
    if isinstance(meeting.place, CassandraPlace):
        damage = [f"ALTER TABLE {name} DROP before_v"]
    async with both(meeting) as (_, python):
        for statement in damage:
            await disk.run(meeting.place, [statement])
            meeting.ask("renew")
            found = await python.engine.admin.describe(table.namespace, table.name)
            assert found is None
            await meeting.java_sees(table, gone=True)


async def test_an_index_without_one_of_images_is_told_to_be_repaired(meeting: Meeting) -> None:
    columns = {"id": Type.INT, "ix": Type.TEXT}
    table = Table(meeting.namespace, fresh(), columns, ("id",), (), ("ix",))
    meeting.create(table)
    index = f"index_{table.namespace}_{table.name}_before_ix"
    described = disk.named(meeting.place, "scalardb", "metadata")
    undescribed = (
        f"UPDATE {described} SET indexed=false WHERE full_table_name='{table.full_name}'"
        " AND column_name='before_ix'"
    )
    schema = f'"{table.namespace}".' if isinstance(meeting.place, PostgresPlace) else ""
    damage = [f'DROP INDEX {schema}"{index}"', undescribed]
    if isinstance(meeting.place, CassandraPlace):
        damage = [f'DROP INDEX "{table.namespace}".{table.name}_index_before_ix']
    await disk.run(meeting.place, damage)
    meeting.ask("renew")
    async with both(meeting) as (java, python):
        await java.commit(table, [{"id": 1, "ix": "a"}])
        for side in (java, python):
            tx = await side.begin("SERIALIZABLE")
            if side is java or isinstance(meeting.place, CassandraPlace):
                with pytest.raises(Refused, match=r"bad request|index"):
                    await tx.scan(table, index={"ix": "a"})
            else:  # the database finds them without, only slowly
                assert await tx.scan(table, index={"ix": "a"}) == [{"id": 1, "ix": "a"}]
            await tx.end("rollback")
        await python.engine.admin.create_table(table)
        await meeting.java_sees(table)
        meeting.ask("renew")
        for side in (java, python):
            tx = await side.begin("SERIALIZABLE")
            assert await tx.scan(table, index={"ix": "a"}) == [{"id": 1, "ix": "a"}]
            await tx.end()
