"""Values of every type and their ends, as columns, as keys in their order, in conditions and in
images before, from either engine to the other one."""

from typing import Any, NamedTuple

import pytest

from infra.engine.table import Table, Type
from tests.interop.matrix import disk
from tests.interop.matrix.cells import (
    DIRECTIONS,
    ISOLATIONS,
    TYPE_OPERATIONS,
    Cell,
    Label,
    types_of,
)
from tests.interop.matrix.meeting import Meeting, fresh, ran
from tests.interop.matrix.sides import JavaSide, Side
from tests.interop.matrix.values import EDGES, Row

pytestmark = pytest.mark.service

#: The row of NULLs comes after those of values.
ROWS = max(map(len, EDGES.values()))


class Kinds:
    """Tables of all types of a storage: as columns, and each as a clustering key."""

    def __init__(self, meeting: Meeting) -> None:
        self.kinds = types_of(meeting.place.name)
        self.columns = {f"c_{kind.lower()}": Type(kind) for kind in self.kinds}
        self.values = Table(
            meeting.namespace,
            "kinds",
            {"pk": Type.TEXT, "n": Type.INT, **self.columns},
            ("pk",),
            ("n",),
        )
        self.keyed = Table(
            meeting.namespace,
            "keyed",
            {"pk": Type.TEXT, "kind": Type.TEXT, **self.columns, "v": Type.INT},
            ("pk", "kind"),
            tuple(self.columns),
        )
        for table in (self.values, self.keyed):
            meeting.create(table)

    def rows(self, pk: str) -> list[Row]:
        """A row for each edge, and one of NULLs."""
        rows = [
            {
                "pk": pk,
                "n": n,
                **{f"c_{k.lower()}": EDGES[k][n % len(EDGES[k])] for k in self.kinds},
            }
            for n in range(ROWS)
        ]
        return [*rows, {"pk": pk, "n": ROWS, **dict.fromkeys(self.columns)}]

    def keys(self, pk: str) -> list[Row]:
        """For each type rows whose keys differ in its column only, in its order."""
        same = {f"c_{k.lower()}": EDGES[k][1] for k in self.kinds}
        rows: list[Row] = []
        for kind in self.kinds:
            values = sorted(value for value in EDGES[kind] if value not in ("", b""))
            for value in values:
                key = {"pk": pk, "kind": kind, **same, f"c_{kind.lower()}": value}
                rows.append(key | {"v": len(rows)})
        return rows


class Labels(NamedTuple):
    """Of types: each operation stands for another one of the matrix."""

    storage: str
    direction: str

    def __call__(self, kinds: list[str], **meaning: str) -> list[Label]:
        meant = {what.replace("_", " "): name for what, name in meaning.items()}
        return [Label(self.storage, kind, self.direction, meaning=meant) for kind in kinds]


@pytest.fixture(scope="session")
def kinds(meeting: Meeting) -> Kinds:
    return Kinds(meeting)


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("isolation", ISOLATIONS)
async def test_values_of_every_type_cross_over(
    meeting: Meeting, kinds: Kinds, isolation: str, direction: str
) -> None:
    cells = [
        Cell(meeting.place.name, what, kind, isolation, direction)
        for what in TYPE_OPERATIONS
        for kind in kinds.kinds
    ]
    pk = fresh()
    async with meeting.sides(direction) as (maker, other):
        made = Labels(meeting.place.name, direction)
        await maker.commit(kinds.values, kinds.rows(pk), made(kinds.kinds))
        await maker.commit(kinds.keyed, kinds.keys(pk))
        await _same_values(other, kinds, pk, isolation, made)
        await _same_keys(other, kinds, pk, isolation, made)
        await _meets(other, kinds, pk, isolation, made)
        await _overwritten(meeting, (maker, other), kinds, pk, isolation, made)
    ran(*cells)


async def _same_values(other: Side, kinds: Kinds, pk: str, isolation: str, labels: Labels) -> None:
    tx = await other.begin(isolation, labels=labels(kinds.kinds, get="value"))
    for row in kinds.rows(pk):
        assert await tx.get(kinds.values, {"pk": pk, "n": row["n"]}) == row
    assert await tx.scan(kinds.values, key={"pk": pk}) == kinds.rows(pk)
    await tx.end()


async def _same_keys(other: Side, kinds: Kinds, pk: str, isolation: str, labels: Labels) -> None:
    for kind in kinds.kinds:
        meant = labels([kind], get="key", scan_reversed="order")
        tx = await other.begin(isolation, labels=meant)
        partition = {"pk": pk, "kind": kind}
        wanted = [row for row in kinds.keys(pk) if row["kind"] == kind]
        for row in wanted:
            key = {c: row[c] for c in kinds.keyed.keys}
            assert await tx.get(kinds.keyed, key) == row
        assert await tx.scan(kinds.keyed, key=partition) == wanted
        assert await tx.scan(kinds.keyed, key=partition, reverse=True) == wanted[::-1]
        await tx.end()


async def _meets(other: Side, kinds: Kinds, pk: str, isolation: str, labels: Labels) -> None:
    """Conditions on each type find what equals a value, and what is less than it."""
    rows = kinds.rows(pk)[:-1]
    for kind in kinds.kinds:
        tx = await other.begin(isolation, labels=labels([kind], scan_where="condition"))
        column = f"c_{kind.lower()}"
        value = rows[0][column]
        equal: Any = [(column, "=", value)]
        less: Any = [(column, "<", value)]
        below = [row for row in rows if row[column] < value]
        if isinstance(other, JavaSide) and labels.storage == "cassandra":
            # Where no SQL leaves it out, NULL is less than everything to Java, and only to it.
            below = [*below, kinds.rows(pk)[-1]]
        for where, wanted in (
            (equal, [row for row in rows if row[column] == value]),
            (less, below),
        ):
            found = await tx.scan(kinds.values, key={"pk": pk}, where=where)
            assert (kind, [row["n"] for row in found]) == (kind, [row["n"] for row in wanted])
        await tx.end()


async def _overwritten(
    meeting: Meeting,
    sides: tuple[Side, Side],
    kinds: Kinds,
    pk: str,
    isolation: str,
    labels: Labels,
) -> None:
    """Every row gets the values of the next one, and is given back by whoever aborts that."""
    maker, other = sides
    rows = kinds.rows(pk)
    next_ = [
        {**values, "pk": pk, "n": row["n"]}
        for row, values in zip(rows, [*rows[1:], rows[0]], strict=True)
    ]
    before = await disk.rows(meeting.place, kinds.values)
    tx = await other.share(fresh())
    for row in next_:
        await tx.write("update", kinds.values, row)
    await tx.end("prepare")
    prepared = await disk.rows(meeting.place, kinds.values)
    for key, row in before.items():
        if key[0] == pk:
            kept = {c: prepared[key][f"before_{c}"] for c in kinds.columns}
            assert kept == {c: row[c] for c in kinds.columns}
    await tx.end("rollback")
    assert await disk.rows(meeting.place, kinds.values) == before
    tx = await other.begin(isolation, labels=labels(kinds.kinds, update="overwrite"))
    for row in next_:
        await tx.write("update", kinds.values, row)
    await tx.end()
    check = await maker.begin(isolation)
    assert await check.scan(kinds.values, key={"pk": pk}) == next_
    await check.end()
