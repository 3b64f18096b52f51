"""Each engine leaves rows prepared; the other one resolves them, and the rows on disk are compared
column by column with what the protocol wants of both."""

from functools import partial

import pytest

from tests.interop.matrix import disk
from tests.interop.matrix.cells import DIRECTIONS, ISOLATIONS, LEFT_OPERATIONS, STANDS
from tests.interop.matrix.left import Left
from tests.interop.matrix.meeting import Meeting, at_most
from tests.interop.matrix.scene import AT_ONCE, Scene
from tests.interop.matrix.sides import Refused, Side

pytestmark = pytest.mark.service


async def look_at_all(scene: Scene, rows: list[Left], resolver: Side) -> None:
    """One scan that meets all rows, and nothing else."""
    tx = await resolver.begin(scene.isolation, labels=map(scene.label, rows))
    try:
        found = {row["pk"]: [row] for row in await tx.scan(scene.table, all=True)}
    except Refused as refused:
        scene.answers = dict.fromkeys(rows, str(refused))
        await tx.end("rollback")
        return
    scene.answers = {left: found.pop(left.pk, []) for left in rows}
    assert found == {}
    try:
        await tx.end()
    except Refused as refused:
        # Java compares what it scanned in order, which PostgreSQL does not keep over an update.
        known = (str(refused), scene.isolation) == ("conflict", "SERIALIZABLE")
        if not known or not scene.direction.startswith("java"):
            raise


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("isolation", ISOLATIONS)
@pytest.mark.parametrize("operation", [o for o in LEFT_OPERATIONS if o != "all"])
async def test_what_one_engine_left_the_other_resolves(
    meeting: Meeting, operation: str, isolation: str, direction: str
) -> None:
    scene = Scene(meeting, meeting.left, operation, isolation, direction)
    async with meeting.sides(direction) as (leaver, resolver):
        rows = await scene.leave(leaver)
        work = [partial(scene.resolve, resolver, left) for left in rows]
        in_turn = isolation == "READ_COMMITTED"
        await at_most(1 if in_turn else AT_ONCE[meeting.place.name], work)
        await scene.check(rows)


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("isolation", ISOLATIONS)
async def test_a_scan_of_the_whole_table_resolves_all_of_it(
    meeting: Meeting, isolation: str, direction: str
) -> None:
    async with meeting.sides(direction) as (leaver, resolver):
        for stand in STANDS:
            scene = Scene(meeting, meeting.every, "all", isolation, direction)
            rows: list[Left] = []
            try:
                rows = await scene.leave(leaver, (stand,))
                await look_at_all(scene, rows, resolver)
                later = Scene(meeting, meeting.every, "all", isolation, direction)
                # One scan of Java's recovers rows of one transaction at once, and some in vain.
                await scene.check(rows, partial(look_at_all, later, rows, resolver))
            finally:
                keys = [dict(zip(meeting.every.keys, left.key, strict=True)) for left in rows]
                gone = [disk.delete(meeting.place, meeting.every, key) for key in keys]
                await disk.run(meeting.place, gone)
