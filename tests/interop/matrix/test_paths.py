"""Ends of transactions beside the common one: what each engine leaves at the coordinator, in one
phase, in groups, and in files and tables of another kind."""

from contextlib import ExitStack
from pathlib import Path
from uuid import uuid4

import pytest

from infra.engine.consensus import ConsensusCommit
from infra.engine.coordinator import parent_of
from infra.engine.errors import EngineError
from infra.engine.table import ABORTED, COMMITTED, Table, Type
from tests.interop.matrix.by_hand import both, by_hand, on_disk, prepared, told
from tests.interop.matrix.left import COLUMNS
from tests.interop.matrix.meeting import Meeting, fresh
from tests.interop.matrix.sides import JavaSide, PythonSide, Refused, Side
from tests.interop.matrix.test_tables import COORDINATOR
from tests.interop.matrix.values import Row
from tests.interop.places import CassandraPlace, SqlitePlace

pytestmark = pytest.mark.service


def row_of(pk: str, number: int = 1) -> Row:
    return {"pk": pk, "ck": number, "v": 1, "tag": None, "note": None}


async def state_of(meeting: Meeting, tx_id: str) -> int | None:
    decided = await meeting.place.coordinator(tx_id)
    return decided["tx_state"] if decided else None


async def test_a_file_that_java_made_gets_a_write_ahead_log(
    meeting: Meeting, tmp_path: Path
) -> None:
    if not isinstance(meeting.place, SqlitePlace):
        return
    shapes = {}
    for name in ("java", "python"):
        place = SqlitePlace(tmp_path / f"{name}.db")
        url = f"jdbc:sqlite:{place.file}?busy_timeout=10000"
        properties = {"scalar.db.contact_points": url}
        table = Table("app", "left", COLUMNS, ("pk",), ("ck",), ("tag",))
        if name == "java":
            more = {**meeting.place.properties, **properties}
            meeting.java.ask("open", store="file", properties=more)
            meeting.java.ask("createCoordinatorTables", store="file")
            assert await place.execute("PRAGMA journal_mode") == [{"journal_mode": "delete"}]
            meeting.java.ask("close", store="file")
        async with meeting.python(**properties) as python:
            await python.engine.admin.create_coordinator_tables()
            await python.engine.admin.create_table(table)
            await python.commit(table, [row_of("a")])
        assert await place.execute("PRAGMA journal_mode") == [{"journal_mode": "wal"}]
        shapes[name] = [
            await place.execute(f"PRAGMA table_info('{system}')")
            for system in ("scalardb$metadata", "coordinator$state")
        ]
    assert shapes["java"] == shapes["python"]


async def test_an_id_of_ones_own_becomes_a_members_under_group_commit(meeting: Meeting) -> None:
    async with meeting.sides("java after python", "grouped") as (python, java):
        assert isinstance(python, PythonSide)
        mine, pk = f"mine-{fresh()}", fresh()
        tx = python.engine.transaction(tx_id=mine)
        await tx.insert(meeting.left, row_of(pk))
        await tx.commit()
        parent = parent_of(tx.id)
        assert parent
        assert tx.id == f"{parent}${mine}"
        assert meeting.ask("state", tx=tx.id) == "COMMITTED"
        assert await told(java, meeting.left, {"pk": pk, "ck": 1}) == 1
    opened = meeting.java.ask("begin", store=meeting.store("grouped"), tx=mine)
    assert opened["tx"] != mine
    assert parent_of(opened["tx"])
    meeting.java.ask("rollback", handle=opened["handle"])


async def test_a_member_is_aborted_where_no_column_for_groups_is(meeting: Meeting) -> None:
    apart = {COORDINATOR: fresh()}
    java = JavaSide(meeting.java, "no groups")
    properties = {**meeting.place.properties, **apart}
    with ExitStack() as stack:
        meeting.java.ask("open", store=java.store, properties=properties)
        stack.callback(meeting.java.ask, "close", store=java.store)
        async with meeting.python(**apart) as python:
            await python.engine.admin.create_coordinator_tables()
            for side in (java, python):
                tx_id = f"{uuid4().hex[:24]}${uuid4()}"
                key = await by_hand(meeting, **prepared(tx_id))
                assert await told(side, meeting.left, key) is None
                while await on_disk(meeting, key):
                    assert await told(side, meeting.left, key) is None
                rows = await meeting.place.rows(apart[COORDINATOR], "state")
                states = {row["tx_id"]: row["tx_state"] for row in rows}
                assert states[tx_id] == states[tx_id[:24]] == ABORTED


async def test_both_leave_the_same_at_the_coordinator(meeting: Meeting) -> None:
    async with both(meeting) as sides:
        for side in sides:
            pk = fresh()
            await side.commit(meeting.left, [row_of(pk)])
            assert await _endings(meeting, side, pk) == {
                "rolled back": None,
                "rolled back when prepared": ABORTED,
                "lost": ABORTED,
                "read": None,
                "read-only": None,
                "nothing": None,
            }


async def _endings(meeting: Meeting, side: Side, pk: str) -> dict[str, int | None]:
    """What each kind of end leaves."""
    ids, key = {}, {"pk": pk, "ck": 1}
    tx = await side.begin()
    await tx.write("update", meeting.left, key | {"v": 2})
    await tx.end("rollback")
    ids["rolled back"] = tx.id
    tx = await side.share(str(uuid4()))
    await tx.write("update", meeting.left, key | {"v": 2})
    await tx.end("prepare")
    await tx.end("rollback")
    ids["rolled back when prepared"] = tx.id
    tx = await side.begin()
    await tx.write("insert", meeting.left, row_of(pk))
    with pytest.raises(Refused, match="conflict"):
        await tx.end()
    ids["lost"] = tx.id
    for what, read_only in (("read", False), ("read-only", True)):
        tx = await side.begin(read_only=read_only)
        assert await tx.get(meeting.left, key) == row_of(pk)
        await tx.end()
        ids[what] = tx.id
    tx = await side.begin()
    await tx.end()
    ids["nothing"] = tx.id
    return {what: await state_of(meeting, tx_id) for what, tx_id in ids.items()}


@pytest.mark.parametrize("direction", ["java after python", "python after java"])
async def test_both_commit_the_same_in_one_phase(meeting: Meeting, direction: str) -> None:
    async with meeting.sides(direction, "one phase") as (side, other):
        pk, far = fresh(), fresh()
        tx = await side.begin()
        await tx.write("insert", meeting.left, row_of(pk, 1))
        await tx.write("insert", meeting.left, row_of(pk, 2))
        await tx.end()
        assert await state_of(meeting, tx.id) is None
        tx = await side.begin()
        await tx.write("insert", meeting.left, row_of(pk, 3))
        await tx.write("insert", meeting.left, row_of(far, 1))
        await tx.end()
        several = COMMITTED if isinstance(meeting.place, CassandraPlace) else None
        assert await state_of(meeting, tx.id) == several
        tx = await side.begin()
        await tx.write("delete", meeting.left, {"pk": pk, "ck": 9})
        await tx.end()
        assert await state_of(meeting, tx.id) == COMMITTED
        tx = await side.begin()
        await tx.write("insert", meeting.left, row_of(pk, 1))
        with pytest.raises(Refused, match="conflict"):
            await tx.end()
        assert await state_of(meeting, tx.id) is None
        for number in (1, 2, 3):
            assert await told(other, meeting.left, {"pk": pk, "ck": number}) == 1


@pytest.mark.parametrize("again", ["upsert", "insert"])
async def test_both_prepare_a_row_alike_that_is_deleted_and_written_again(
    meeting: Meeting, again: str
) -> None:
    shapes = []
    async with both(meeting) as sides:
        for side, reader in (sides, sides[::-1]):
            pk = fresh()
            key = {"pk": pk, "ck": 1}
            await side.commit(meeting.left, [key | {"v": 1, "tag": "t", "note": "n"}])
            tx = await side.share(str(uuid4()))
            await tx.write("delete", meeting.left, key)
            await tx.write(again, meeting.left, key | {"v": 2})
            await tx.end("prepare")
            row = await on_disk(meeting, key)
            assert row
            shapes.append({c: v for c, v in row.items() if not c.endswith(("pk", "_at", "tx_id"))})
            # While it is prepared the time of its last commit, which nobody reads then, is NULL
            # with Java alone; the image before has it with both.
            shapes[-1] |= {c: row[c] is None for c in ("tx_prepared_at", "before_tx_committed_at")}
            await tx.end("validate")
            await tx.end()
            check = await reader.begin()
            assert await check.get(meeting.left, key) == row_of(pk) | {"v": 2}
            await check.end()
            row = await on_disk(meeting, key)
            assert row
            assert (row["tx_version"], row["before_v"], row["before_tx_id"]) == (2, None, None)
    assert shapes[0] == shapes[1]


async def test_both_refuse_a_commit_before_the_prepare(meeting: Meeting) -> None:
    async with both(meeting) as sides:
        for side in sides:
            key = {"pk": fresh(), "ck": 1}
            tx = await side.share(str(uuid4()))
            await tx.write("insert", meeting.left, key | {"v": 1})
            with pytest.raises(Refused, match=r"IllegalStateException|bad request"):
                await tx.end()
            assert await on_disk(meeting, key) is None
            assert await state_of(meeting, tx.id) is None


async def test_a_table_with_its_metadata_apart_is_none_of_ours(meeting: Meeting) -> None:
    if isinstance(meeting.place, CassandraPlace):
        pytest.skip("ScalarDB has such tables over JDBC only")
    table = Table(meeting.namespace, "apart", {"id": Type.INT, "v": Type.INT}, ("id",))
    level = {"scalar.db.jdbc.isolation_level": "REPEATABLE_READ"}
    if isinstance(meeting.place, SqlitePlace):
        level = {}
    properties = {**meeting.place.properties, **level}
    meeting.java.ask("open", store="decoupled", properties=properties)
    with ExitStack() as stack:
        stack.callback(meeting.java.ask, "close", store="decoupled")
        meeting.java.ask(
            "createTable",
            store="decoupled",
            namespace=table.namespace,
            table=table.name,
            columns={"id": "INT", "v": "INT"},
            partition=["id"],
            options={"transaction-metadata-decoupling": "true"},
        )
        async with both(meeting) as (_, python):
            assert await described(python.engine, table) is None
            with pytest.raises(EngineError):
                await python.engine.admin.create_table(table)
            with pytest.raises(Refused):
                await python.commit(table, [{"id": 1, "v": 1}])
        assert meeting.java.ask(
            "metadata", store="decoupled", namespace=table.namespace, table=table.name
        )


async def described(engine: ConsensusCommit, table: Table) -> Table | None:
    return await engine.admin.describe(table.namespace, table.name)
