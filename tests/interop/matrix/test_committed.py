"""What one engine committed in any of its ways the other reads, scans and writes; then the first
one reads what became of it."""

import time
from typing import Any

import pytest

from infra.engine.table import COMMITTED, Table, Type
from tests.interop.matrix import disk
from tests.interop.matrix.cells import (
    COMMITTED_STATES,
    DIRECTIONS,
    ISOLATIONS,
    READS,
    WRITES,
    Cell,
    Label,
)
from tests.interop.matrix.meeting import Meeting, fresh, ran
from tests.interop.matrix.sides import Refused, Side, Tx
from tests.interop.matrix.values import Row

pytestmark = pytest.mark.service

#: Which kind of store makes which state.
KINDS = {"committed": "", "in one phase": "one phase", "in a group": "grouped"}
COLUMNS = {"pk": Type.TEXT, "ck": Type.INT, "v": Type.INT, "tag": Type.TEXT, "note": Type.TEXT}


def steps_of(namespace: str) -> Table:
    """A table whose partitions are kept newest first."""
    return Table(namespace, "step", COLUMNS, ("pk",), ("ck",), ("tag",), frozenset({"ck"}))


@pytest.fixture(scope="session")
def steps(meeting: Meeting) -> Table:
    table = steps_of(meeting.namespace)
    meeting.create(table)
    return table


def five(pk: str) -> list[Row]:
    """Rows 1 to 5 of a partition, of which the even ones have another tag; one has no note."""
    return [
        {
            "pk": pk,
            "ck": n,
            "v": n * 10,
            "tag": f"{'odd' if n % 2 else 'even'} {pk}",
            "note": None if n == 3 else f"note {n}",
        }
        for n in range(1, 6)
    ]


async def read(tx: Tx, table: Table, pk: str, what: str) -> list[int]:
    """The numbers of the rows that a read finds, in its order where it has one."""
    key, even = {"pk": pk}, {"tag": f"even {pk}"}
    small: Any = [("v", "<", 30)]
    match what:
        case "get" | "get where":
            where = small if what == "get where" else None
            found = [await tx.get(table, key | {"ck": n}, where) for n in (1, 3, 7)]
            rows = [row for row in found if row]
        case "scan":
            rows = await tx.scan(table, key=key)
        case "scan reversed":
            rows = await tx.scan(table, key=key, reverse=True)
        case "scan range":
            rows = await tx.scan(table, key=key, start={"ck": 2}, end={"ck": 4})
        case "scan limit":
            rows = await tx.scan(table, key=key, limit=2)
        case "scan where":
            rows = await tx.scan(table, key=key, where=[*small, ("note", "!=", "note 1")])
        case "index":
            rows = await tx.scan(table, index=even)
        case "index where":
            rows = await tx.scan(table, index=even, where=small)
        case "all":
            rows = [row for row in await tx.scan(table, all=True) if row["pk"] == pk]
        case "all where":
            rows = await tx.scan(table, all=True, where=[("pk", "=", pk), *small])
    assert rows == [five(pk)[row["ck"] - 1] for row in rows]
    numbers = [row["ck"] for row in rows]
    return numbers if what.startswith(("get", "scan")) else sorted(numbers)


FOUND = {
    "get": [1, 3],
    "get where": [1],
    "scan": [5, 4, 3, 2, 1],
    "scan reversed": [1, 2, 3, 4, 5],
    "scan range": [4, 3, 2],
    "scan limit": [5, 4],
    "scan where": [2],
    "index": [2, 4],
    "index where": [2],
    "all": [1, 2, 3, 4, 5],
    "all where": [1, 2],
}


async def write(tx: Tx, table: Table, pk: str, what: str) -> Row | None:
    """One write, of a row of its own; the row that must be there then."""
    rows = five(pk)
    low: Any = [("v", "<", 25)]
    match what:
        case "insert":
            row = {"pk": pk, "ck": 9, "v": 90, "tag": "new", "note": ""}
            await tx.write("insert", table, row)
            return row
        case "upsert":
            await tx.write("upsert", table, {"pk": pk, "ck": 1, "v": 11})
            return rows[0] | {"v": 11}
        case "update":
            await tx.write("update", table, {"pk": pk, "ck": 2, "note": None})
            await tx.write("update", table, {"pk": pk, "ck": 8, "v": 1})
            return rows[1] | {"note": None}
        case "update where":
            return await _conditionally(tx, table, rows[0], "update", low)
        case "put if":
            return await _conditionally(tx, table, rows[2], "put", [("note", "=", "x")])
        case "delete":
            await tx.write("delete", table, {"pk": pk, "ck": 4})
            return None
    await _conditionally(tx, table, rows[4], "delete", low)
    await tx.write("delete", table, {"pk": pk, "ck": 5}, "exists")
    return None


async def _conditionally(tx: Tx, table: Table, row: Row, what: str, where: Any) -> Row:
    """Row 1 meets the condition and is changed; of the others a refusal is all that is had."""
    changed = {"pk": row["pk"], "ck": row["ck"], "tag": "met"}
    if row["ck"] == 1:
        await tx.write(what, table, changed, where)
        return row | {"tag": "met"}
    with pytest.raises(Refused, match="unsatisfied"):
        await tx.write(what, table, changed if what != "delete" else row, where)
    return row


#: Writes of one transaction each: their rows may not be those of another one.
TOUCHED = {"insert": 9, "upsert": 1, "update": 2, "update where": 1, "put if": 3, "delete": 4}


async def make(side: Side, meeting: Meeting, table: Table, state: str, label: Label) -> str:
    """Rows in this state; the name of their partition."""
    pk = fresh()
    if state != "deemed committed":
        await side.commit(table, five(pk), [label])
        return pk
    names = table.namespace, table.name
    await disk.run(meeting.place, [disk.insert(meeting.place, names, row) for row in five(pk)])
    tx = await side.begin(labels=[label])
    assert (await tx.get(table, {"pk": pk, "ck": 1})) == five(pk)[0]
    await tx.end()
    return pk


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("isolation", ISOLATIONS)
@pytest.mark.parametrize("state", COMMITTED_STATES)
async def test_what_one_engine_committed_the_other_reads_and_writes(
    meeting: Meeting, steps: Table, state: str, isolation: str, direction: str
) -> None:
    def cell(what: str) -> Cell:
        return Cell(meeting.place.name, what, state, isolation, direction)

    label = Label(meeting.place.name, state, direction)
    async with meeting.sides(direction, KINDS.get(state, "")) as (maker, other):
        pk = await make(maker, meeting, steps, state, label)
        for read_only in (False, True):
            tx = await other.begin(isolation, read_only=read_only, labels=[label])
            assert {what: await read(tx, steps, pk, what) for what in READS} == FOUND
            await tx.end()
        for what in WRITES:
            await _check_write(meeting, steps, (maker, other), (isolation, what), label)
    ran(*(cell(what) for what in READS + WRITES))


Sides = tuple[Side, Side]


async def _check_write(
    meeting: Meeting, table: Table, sides: Sides, case: tuple[str, str], label: Label
) -> None:
    """One write by the other engine, as its maker and the disk see it afterwards."""
    isolation, what = case
    maker, other = sides
    pk = await make(maker, meeting, table, label.state, label)
    old = await disk.rows(meeting.place, table)
    tx = await other.begin(isolation, labels=[label])
    wanted = await write(tx, table, pk, what)
    await tx.end()
    number = TOUCHED.get(what, 5)
    check = await maker.begin(isolation)
    assert await check.get(table, {"pk": pk, "ck": number}) == wanted
    rows = await check.scan(table, key={"pk": pk})
    untouched = [row for row in five(pk) if row["ck"] != number]
    assert [row for row in rows if row["ck"] != number] == untouched[::-1]
    await check.end()
    found = await disk.rows(meeting.place, table)
    before, now = old.get((pk, number)), found.get((pk, number))
    assert {key: row for key, row in found.items() if key[0] == pk and key[1] != number} == {
        key: row for key, row in old.items() if key[0] == pk and key[1] != number
    }
    if what == "put if":
        assert now == before
    elif wanted:
        assert now
        decided = await meeting.place.coordinator(tx.id)
        assert decided
        _check_row(table, now, before, decided)
    else:
        assert now is None


def _check_row(table: Table, now: Row, before: Row | None, decided: Row) -> None:
    """The metadata of a row that was just committed over another one, or over none."""
    assert now["tx_id"] == decided["tx_id"]
    assert now["tx_state"] == COMMITTED
    assert now["tx_version"] == ((before or {}).get("tx_version") or 0) + 1
    assert now["tx_committed_at"] == decided["tx_created_at"]
    assert 0 <= now["tx_committed_at"] - now["tx_prepared_at"] < time.time() * 1_000
    assert [c for c in table.stored if c.startswith("before_") and now[c] is not None] == []
