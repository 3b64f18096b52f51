"""SERIALIZABLE: what was read and is not written must be the same just before the commit."""

from collections.abc import Callable, Coroutine
from typing import Any

from infra.engine.errors import Conflict
from infra.engine.reading import select
from infra.engine.storage import Pending, Storage
from infra.engine.table import Key, Record, Table
from infra.engine.workset import Scanned, Workset


def is_needed(work: Workset) -> bool:
    """Whether anything was read that no write of this transaction asserts."""
    return bool(work.scans) or any(True for _ in work.only_read())


def checks(
    work: Workset, tx_id: str, storage_of: Callable[[Table], Storage]
) -> list[Coroutine[Any, Any, None]]:
    """Reads to be made again, each of which raises Conflict if its answer is another one."""
    rows = [_same_rows(storage_of(table), table, records) for table, records in work.only_read()]
    scans = [
        _same_scan(storage_of(scanned.selection.table), work, scanned, tx_id)
        for scanned in work.scans
    ]
    return rows + scans


async def _same_rows(storage: Storage, table: Table, records: dict[Key, Record | None]) -> None:
    pending: list[Pending] = []
    session = storage.session()
    try:
        ((*found,),) = await session.rows([(table, list(records))], pending)
    finally:
        await session.end()
    width = table.key_width
    now: dict[Key, str | None] = {record.values[:width]: record.tx_id for record in found}
    written = {row.key for row in pending}
    for key, record in records.items():
        # Both absent, or both of the same writer; a row of before metadata has none.
        same = key in now and now[key] == record.tx_id if record else key not in now
        if not same or key in written:
            raise Conflict(f"{table.full_name} {key!r} changed after it was read")


async def _same_scan(storage: Storage, work: Workset, scanned: Scanned, tx_id: str) -> None:
    selection, table = scanned.selection, scanned.selection.table
    mine = work.rows(table)
    if mine.writes():  # its own rows would use the limit up
        selection = selection._replace(limit=None)

    async def theirs(pending: list[Pending]) -> dict[tuple[Table, Key], Record | None]:
        if other := next((row for row in pending if row.tx_id != tx_id), None):
            raise Conflict(f"{table.full_name} {other.key!r} is being written by {other.tx_id}")
        return {(row.table, row.key): None for row in pending}

    session = storage.session()
    try:
        records = await select(session, selection, theirs)
    finally:
        await session.end()
    before = [(key, writer) for key, writer in scanned.found if not mine.is_written(key)]
    now = [(record.values[: table.key_width], record.tx_id) for record in records]
    limited = scanned.selection.limit is not None
    if limited and len(scanned.found) == scanned.selection.limit:
        now = now[: len(before)]
    # What a whole scan found is the same in any order, which storages do not promise.
    if (now != before) if limited else (len(now) != len(before) or set(now) != set(before)):
        raise Conflict(f"{table.full_name}: a scan finds other rows than before")
