"""Scans: what a storage found, with rows that others are writing resolved in their places."""

from collections.abc import Awaitable, Callable

from infra.engine.comparing import selects
from infra.engine.storage import Pending, Selection, Session
from infra.engine.table import Key, Record, Table

Resolve = Callable[[list[Pending]], Awaitable[dict[tuple[Table, Key], Record | None]]]


async def select(session: Session, selection: Selection, resolve: Resolve) -> list[Record]:
    """The committed rows of a selection, in its order."""
    pending: list[Pending] = []
    found = await session.select(selection, pending)
    if pending and selection.limit is not None:
        # Some of these may turn out to be no rows; then others would come in their place.
        pending.clear()
        found = await session.select(selection._replace(limit=None), pending)
    resolved = await resolve(pending) if pending else {}
    records = []
    for row in found:
        record = resolved[row.table, row.key] if isinstance(row, Pending) else row
        if record is not None and (not (selection.tests or pending) or selects(selection, record)):
            records.append(record)
    return records[: selection.limit]
