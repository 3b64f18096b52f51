"""Both engines at once, and rows that neither of them wrote."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from infra.engine.table import PREPARED, Table
from tests.interop.matrix import disk
from tests.interop.matrix.left import LONG_AGO_MS
from tests.interop.matrix.meeting import Meeting, fresh
from tests.interop.matrix.sides import JavaSide, PythonSide, Refused, Side
from tests.interop.matrix.values import Row


@asynccontextmanager
async def both(meeting: Meeting) -> AsyncIterator[tuple[JavaSide, PythonSide]]:
    async with meeting.sides("python after java") as (java, python):
        assert isinstance(java, JavaSide)
        assert isinstance(python, PythonSide)
        yield java, python


async def by_hand(meeting: Meeting, **columns: Any) -> Row:
    """A row of the table `left`, written as it stands; its key."""
    key = {"pk": fresh(), "ck": 1}
    row = key | {"v": 1, "tag": "t", "note": None} | columns
    names = meeting.left.namespace, meeting.left.name
    await disk.run(meeting.place, [disk.insert(meeting.place, names, row)])
    return key


async def on_disk(meeting: Meeting, key: Row) -> Row | None:
    return (await disk.rows(meeting.place, meeting.left)).get((key["pk"], key["ck"]))


async def told(side: Side, table: Table, key: Row) -> object:
    """The value of a row's `v`, None without one, or the word of a refusal."""
    tx = await side.begin()
    try:
        row = await tx.get(table, key)
        await tx.end()
        return row and row["v"]
    except Refused as refused:
        return str(refused)


def prepared(tx_id: str, **more: Any) -> Row:
    """The metadata of an insert that is prepared, and has expired."""
    at = int(time.time() * 1_000) - LONG_AGO_MS
    return {"tx_id": tx_id, "tx_state": PREPARED, "tx_version": 1, "tx_prepared_at": at} | more
