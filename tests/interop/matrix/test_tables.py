"""Tables and coordinator tables that one engine made, changed, repaired or removed, in the other's
hands: the shapes on disk are equal whoever made them."""

from typing import Any

import pytest

from infra.engine.consensus import ConsensusCommit
from infra.engine.errors import EngineError
from infra.engine.table import COMMITTED, Table, Type
from tests.interop.conftest import GROUP_COMMIT
from tests.interop.java import JavaError
from tests.interop.matrix.cells import DIRECTIONS, EXECUTED, ISOLATIONS, Cell, Label
from tests.interop.matrix.meeting import Meeting, fresh, ran
from tests.interop.matrix.shape import shape
from tests.interop.matrix.sides import JavaSide, PythonSide, Refused, Side
from tests.interop.places import PostgresPlace

pytestmark = pytest.mark.service

COORDINATOR = "scalar.db.consensus_commit.coordinator.namespace"

#: After a thousand tables Cassandra may need longer for a keyspace than Java's driver waits; what
#: it asks for (IF NOT EXISTS) it may ask again.
REPAIR_TRIES_COUNT = 3


def wide(namespace: str) -> Table:
    """Mixed letters, two partition columns, two orders, two indexes, one of them on a key."""
    return Table(
        namespace,
        "Mixed",
        {"a": Type.TEXT, "b": Type.INT, "c": Type.BIGINT, "d": Type.TEXT, "I": Type.TEXT}
        | {"when": Type.TIMESTAMPTZ, "raw": Type.BLOB, "flag": Type.BOOLEAN},
        ("a", "b"),
        ("c", "d"),
        ("I", "flag"),
        frozenset({"c"}),
    )


def cell(meeting: Meeting, operation: str, direction: str) -> Cell:
    return Cell(meeting.place.name, operation, "admin", "any", direction)


def label(meeting: Meeting, direction: str, **meaning: str) -> Label:
    """What was executed stands for what was done to a table before."""
    meant = {what.replace("_", " "): name.replace("_", " ") for what, name in meaning.items()}
    return Label(meeting.place.name, "admin", direction, "any", meant)


async def make(meeting: Meeting, engine: ConsensusCommit, table: Table, *, java: bool) -> None:
    if java:
        meeting.ask("createNamespace", namespace=table.namespace)
        meeting.create(table)
    else:
        await engine.admin.create_namespace(table.namespace)
        await engine.admin.create_table(table)


async def used(maker: Side, other: Side, table: Table, more: dict[str, Any], labels: Any) -> None:
    """The other engine writes a row, by key and index both see it, and the maker changes it."""
    row = dict.fromkeys(table.columns) | {"a": "x", "b": 1, "c": -1, "d": "y", "I": "i"} | more
    await other.commit(table, [row], labels)
    for side in (maker, other):
        for isolation in ISOLATIONS:
            tx = await side.begin(isolation, labels=labels)
            assert await tx.scan(table, index={"I": "i"}) == [row]
            assert await tx.scan(table, key={"a": "x", "b": 1}) == [row]
            await tx.end()
    tx = await maker.begin(labels=labels)
    await tx.write("delete", table, row)
    await tx.end()


@pytest.mark.parametrize("direction", DIRECTIONS)
async def test_a_table_of_one_engine_is_described_used_widened_and_dropped_by_the_other(
    meeting: Meeting, direction: str
) -> None:
    by_java = direction == "python after java"
    table, twin = wide(fresh()), wide(fresh())
    async with meeting.sides(direction) as (maker, other):
        engine = next(s for s in (maker, other) if isinstance(s, PythonSide)).engine
        await make(meeting, engine, table, java=by_java)
        await make(meeting, engine, twin, java=not by_java)
        assert await shape(meeting.place, table) == await shape(meeting.place, twin)
        await described(meeting, engine, table)
        await used(maker, other, table, {}, [label(meeting, direction, index="create table")])
        wider = await widened(meeting, engine, table, java=not by_java)
        await widened(meeting, engine, twin, java=by_java)
        assert await shape(meeting.place, wider) == await shape(meeting.place, twin)
        await described(meeting, engine, wider)
        await used(
            maker, other, wider, {"pages": 7}, [label(meeting, direction, index="add column")]
        )
        dropped = label(meeting, direction, dropTable="drop table")
        if by_java:
            await engine.admin.drop_table(wider)
            EXECUTED.update(dropped.cells(["dropTable"], "any"))
        else:
            where = {"namespace": wider.namespace, "table": wider.name}
            meeting.ask("dropTable", labels=[dropped._asdict()], **where)
        assert await engine.admin.describe(wider.namespace, wider.name) is None
        assert meeting.ask("tables", namespace=wider.namespace) == []
        assert meeting.ask("metadata", namespace=wider.namespace, table=wider.name) is None
    for what in ("create table", "add column", "drop table"):
        ran(cell(meeting, what, direction))


async def described(meeting: Meeting, engine: ConsensusCommit, table: Table) -> None:
    """Both engines say of the table what it was made as."""
    found = await engine.admin.describe(table.namespace, table.name)
    assert found
    assert found.columns == table.columns
    assert (found.partition, found.clustering) == (table.partition, table.clustering)
    assert ({*found.indexes}, found.descending) == ({*table.indexes}, table.descending)
    await meeting.java_sees(table)
    said = meeting.ask("metadata", namespace=table.namespace, table=table.name)
    assert said["columns"] == {c: kind.value for c, kind in table.columns.items()}
    assert (said["partition"], {*said["index"]}) == ([*table.partition], {*table.indexes})
    assert said["clustering"] == {
        c: "DESC" if c in table.descending else "ASC" for c in table.clustering
    }


async def widened(meeting: Meeting, engine: ConsensusCommit, table: Table, *, java: bool) -> Table:
    """The table with one more column."""
    if java:
        where = {"namespace": table.namespace, "table": table.name}
        await meeting.java_sees(table)
        meeting.ask("addColumn", column="pages", type="INT", **where)
        found = await engine.admin.describe(table.namespace, table.name)
        assert found
        return found
    wider = await engine.admin.add_column(table, "pages", Type.INT)
    meeting.ask("renew")
    return wider


@pytest.mark.parametrize("direction", DIRECTIONS)
async def test_a_coordinator_table_of_one_engine_is_used_and_repaired_for_groups_by_the_other(
    meeting: Meeting, direction: str
) -> None:
    by_java = direction == "python after java"
    coordinated = [label(meeting, direction, insert="coordinator")]
    repaired = [label(meeting, direction, insert="repair coordinator")]
    apart = {COORDINATOR: fresh()}
    java, grouped = JavaSide(meeting.java, "apart"), JavaSide(meeting.java, "apart, grouped")
    for store, more in ((java.store, {}), (grouped.store, GROUP_COMMIT)):
        properties = {**meeting.place.properties, **apart, **more}
        meeting.java.ask("open", store=store, properties=properties)
    async with meeting.python(**apart) as plain, meeting.python("grouped", **apart) as group:
        if by_java:
            meeting.java.ask("createCoordinatorTables", store=java.store)
        else:
            await plain.engine.admin.create_coordinator_tables()
        coordinator = Table(apart[COORDINATOR], "state", {"tx_id": Type.TEXT}, ("tx_id",))
        without = await shape(meeting.place, coordinator)
        pk = fresh()
        await insert(meeting, java, pk, 1, coordinated)
        await insert(meeting, plain, pk, 2, coordinated)
        with pytest.raises((Refused, JavaError, EngineError)):
            await insert(meeting, group if by_java else grouped, pk, 3, [])
        await repair(meeting, by_java=not by_java, group=group, store=grouped.store)
        assert "tx_child_ids" not in str(without)
        assert "tx_child_ids" in str(await shape(meeting.place, coordinator))
        everybody: tuple[Side, ...] = java, plain, grouped, group
        for number, side in enumerate(everybody, start=4):
            await insert(meeting, side, pk, number, repaired)
        for side in everybody:
            tx = await side.begin()
            for number in (1, 2, 4, 5, 6, 7):
                assert await tx.get(meeting.left, {"pk": pk, "ck": number})
            await tx.end()
        rows = await meeting.place.rows(apart[COORDINATOR], "state")
        assert [row["tx_state"] for row in rows if row["tx_state"] == COMMITTED] == [COMMITTED] * 6
        assert sum(row["tx_child_ids"] is not None for row in rows) == 2
    for store in (java.store, grouped.store):
        meeting.java.ask("close", store=store)
    ran(*(cell(meeting, what, direction) for what in ("coordinator", "repair coordinator")))


async def insert(meeting: Meeting, side: Side, pk: str, number: int, labels: list[Label]) -> None:
    row = {"pk": pk, "ck": number, "v": 1, "tag": None, "note": None}
    await side.commit(meeting.left, [row], labels)


async def repair(meeting: Meeting, *, by_java: bool, group: PythonSide, store: str) -> None:
    if by_java:
        for left in reversed(range(REPAIR_TRIES_COUNT)):
            try:
                meeting.java.ask("repairCoordinatorTables", store=store)
                break
            except JavaError as error:
                if not left or "Creating the namespace failed" not in str(error):
                    raise
        group.engine.coordinator.forget_table()
    else:
        await group.engine.admin.repair_coordinator_tables()
        meeting.java.ask("renew", store=store)


@pytest.mark.parametrize("direction", DIRECTIONS)
async def test_an_imported_tables_rows_are_committed_for_both(
    meeting: Meeting, direction: str
) -> None:
    if not isinstance(meeting.place, PostgresPlace):
        pytest.skip("ScalarDB imports tables of no other of these storages")
    by_java = direction == "python after java"
    namespace, labels = fresh(), [label(meeting, direction, update="import table")]
    meeting.ask("createNamespace", namespace=namespace)
    for name in ("old", "twin"):
        await meeting.place.execute(
            f"CREATE TABLE {namespace}.{name}(id BIGINT PRIMARY KEY, v INTEGER, t TEXT, b BYTEA,"
            " r REAL, d DOUBLE PRECISION, f BOOLEAN, day DATE, tm TIME, ts TIMESTAMP,"
            " tz TIMESTAMPTZ, s VARCHAR(20))"
        )
        await meeting.place.execute(
            f"INSERT INTO {namespace}.{name}(id, v, t) VALUES (1, 10, 'a'), (2, 20, NULL)"
        )
    async with meeting.sides(direction) as (maker, other):
        engine = next(s for s in (maker, other) if isinstance(s, PythonSide)).engine
        for name, java in (("old", by_java), ("twin", not by_java)):
            if java:
                meeting.ask("importTable", namespace=namespace, table=name)
            else:
                await engine.admin.import_table(namespace, name)
        table = await engine.admin.describe(namespace, "old")
        twin = await engine.admin.describe(namespace, "twin")
        assert table
        assert twin
        assert await shape(meeting.place, table) == await shape(meeting.place, twin)
        meeting.ask("renew")
        old = {row["id"]: row for row in await meeting.place.rows(namespace, "old")}
        for tx_id, end in ((fresh(), "rollback"), (fresh(), "commit")):
            tx = await other.share(tx_id, labels)
            await tx.write("update", table, {"id": 1, "v": 11})
            await tx.write("delete", table, {"id": 2})
            await tx.end("prepare")
            prepared = {row["id"]: row for row in await meeting.place.rows(namespace, "old")}
            assert [prepared[n]["before_tx_version"] for n in (1, 2)] == [0, 0]
            assert [prepared[n]["before_tx_id"] for n in (1, 2)] == [None, None]
            if end == "commit":
                await tx.end("validate")
            await tx.end(end)
            if end == "rollback":
                rows = await meeting.place.rows(namespace, "old")
                assert {row["id"]: row for row in rows} == old
        check = await maker.begin(labels=labels)
        (row,) = await check.scan(table, all=True)
        assert (row["id"], row["v"], row["t"]) == (1, 11, "a")
        await check.end()
    (row,) = await meeting.place.rows(namespace, "old")
    assert (row["tx_version"], row["tx_state"]) == (1, COMMITTED)
    ran(cell(meeting, "import table", direction))
