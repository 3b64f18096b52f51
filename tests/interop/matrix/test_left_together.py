"""Rows of every state lie in one partition: what a scan makes of them fills its limit, stays in
its range and meets its condition as if all of them had been finished before."""

from typing import Any

import pytest

from tests.interop.matrix.cells import (
    DIRECTIONS,
    ISOLATIONS,
    MIXED,
    MIXED_SCANS,
    STANDS,
    Cell,
    Label,
)
from tests.interop.matrix.left import Left, Row
from tests.interop.matrix.meeting import Meeting, ran
from tests.interop.matrix.scene import Scene
from tests.interop.matrix.sides import Refused, Tx

pytestmark = pytest.mark.service

#: Nobody would get past the others.
DECIDED = tuple(stand for stand in STANDS if stand not in ("undecided", "group's row aborted"))
LIMIT = 7
RANGE = 6, 21
SCANS: dict[str, dict[str, Any]] = {
    "scan limit": {"limit": LIMIT},
    "scan reversed limit": {"limit": LIMIT, "reverse": True},
    "scan range": {"start": {"ck": RANGE[0]}, "end": {"ck": RANGE[1]}},
    "scan where": {"where": [("v", "=", 1)]},
}


def found(what: str, rows: list[Row]) -> list[Row]:
    """What this scan finds among rows that are committed."""
    match what:
        case "scan limit":
            return rows[:LIMIT]
        case "scan reversed limit":
            return rows[::-1][:LIMIT]
        case "scan range":
            return [row for row in rows if RANGE[0] <= row["ck"] <= RANGE[1]]
    return [row for row in rows if row["v"] == 1]


def rows_of(lefts: list[Left], isolation: str) -> list[Row]:
    answers = [left.seen(isolation) for left in lefts]
    return [row for answer in answers if isinstance(answer, list) for row in answer]


async def ended(tx: Tx, isolation: str, *, java: bool) -> None:
    """Java validates a scan in the order in which rows are found, which finishing them changes."""
    try:
        await tx.end()
    except Refused as refused:
        if not java or (str(refused), isolation) != ("conflict", "SERIALIZABLE"):
            raise


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("isolation", ISOLATIONS)
async def test_a_scan_over_rows_of_every_state_finds_what_it_would_when_all_are_finished(
    meeting: Meeting, isolation: str, direction: str
) -> None:
    async with meeting.sides(direction) as (leaver, resolver):
        for what in MIXED_SCANS:
            scene = Scene(meeting, meeting.left, what, isolation, direction)
            rows = await scene.leave(leaver, DECIDED, together=True)
            label = Label(meeting.place.name, MIXED, direction)
            partition: Row = {"pk": rows[0].pk}
            tx = await resolver.begin(isolation, labels=[label])
            seen = await tx.scan(meeting.left, key=partition, **SCANS[what])
            assert (what, seen) == (what, found(what, rows_of(rows, isolation)))
            await ended(tx, isolation, java=direction.startswith("java"))
            for side in (resolver, leaver):
                tx = await side.begin("SNAPSHOT", labels=[label])
                everything = await tx.scan(meeting.left, key=partition)
                assert everything == rows_of(rows, "SNAPSHOT")
                await tx.end()
            ran(Cell(meeting.place.name, what, MIXED, isolation, direction))
