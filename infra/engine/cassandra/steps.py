"""What the protocol writes to each row: prepare, commit, roll back, or all in one phase."""

from collections.abc import Iterator, Mapping

from infra.engine.cassandra.statements import Step, delete, insert, update
from infra.engine.images import has_before
from infra.engine.storage import Change, Ending, Image
from infra.engine.table import (
    BEFORE,
    COMMITTED,
    DELETED,
    PREPARED,
    TX_COLUMNS,
    Key,
    Table,
    Value,
)

#: A row's own columns and its `tx_*` ones, by name, as a transaction read it.
Row = Mapping[str, Value]


def prepare(tx_id: str, change: Change, seen: Mapping[Key, Row], at: int) -> Iterator[Step]:
    """Every row PREPARED or DELETED, with its image before."""
    table = change.table
    for row in change.inserts:
        yield insert(table, _named(table, row) | _written(tx_id, PREPARED, 1, at))
    for key in change.absent:
        yield insert(table, _named(table, key) | _written(tx_id, DELETED, 1, at))
    for row in change.updates:
        old = seen[row[: table.key_width]]
        new = {column: _named(table, row)[column] for column in table.rest}
        yield _prepared(table, old, new | _written(tx_id, PREPARED, _next(old), at))
    for row in change.deletes:
        old = seen[row[: table.key_width]]
        yield _prepared(table, old, _written(tx_id, DELETED, _next(old), at))


def one_phase(tx_id: str, change: Change, seen: Mapping[Key, Row], at: int) -> Iterator[Step]:
    """Every row as it is after the commit."""
    table = change.table
    for row in change.inserts:
        written = _written(tx_id, COMMITTED, 1, at) | {"tx_committed_at": at}
        yield insert(table, _named(table, row) | written)
    for row in change.updates:
        key = row[: table.key_width]
        old, new = seen[key], _named(table, row)
        written = _written(tx_id, COMMITTED, _next(old), at) | {"tx_committed_at": at}
        assigned = {c: new[c] for c in table.rest} | written | _no_image(table)
        yield update(table, key, assigned, _as_read(table, old))
    for row in change.deletes:
        yield delete(table, row[: table.key_width], {"tx_id": row[-1]})


def commit(tx_id: str, ending: Ending, committed_at: int) -> Iterator[Step]:
    """What was put stays, what was deleted goes."""
    table = ending.table
    assigned = {"tx_state": COMMITTED, "tx_committed_at": committed_at} | _no_image(table)
    for key in ending.stay:
        yield update(table, key, assigned, {"tx_id": tx_id, "tx_state": PREPARED})
    for key in ending.go:
        yield delete(table, key, {"tx_id": tx_id, "tx_state": DELETED})


def roll_back(tx_id: str, table: Table, images: Mapping[Key, Image]) -> Iterator[Step]:
    """Each row as it was before; the row itself tells whether there was one."""
    for key, image in images.items():
        if image["tx_id"] != tx_id or image["tx_state"] not in (PREPARED, DELETED):
            continue
        conditions = {"tx_id": tx_id, "tx_state": image["tx_state"]}
        if has_before(image):
            old = {column: image[BEFORE + column] for column in (*table.rest, *TX_COLUMNS)}
            if old["tx_id"] is None and old["tx_version"] == 0:
                old["tx_version"] = None  # the sign that a row without metadata was there
            yield update(table, key, old | _no_image(table), conditions)
        else:
            yield delete(table, key, conditions)


def _prepared(table: Table, old: Row, written: dict[str, Value]) -> Step:
    before = {BEFORE + column: old[column] for column in (*TX_COLUMNS, *table.rest)}
    before[BEFORE + "tx_version"] = old["tx_version"] or 0
    key = tuple(old[column] for column in table.keys)
    return update(table, key, written | before, _as_read(table, old))


def _as_read(table: Table, old: Row) -> dict[str, Value]:
    """The condition that a row is the one that was read."""
    conditions = {"tx_id": old["tx_id"]}
    if old["tx_id"] is None:
        # For Cassandra a row that is gone meets `= null`, and an update would make it anew.
        there = (column for column in table.rest if old[column] is not None)
        conditions |= {column: old[column] for column in list(there)[:1]}
    return conditions


def _written(tx_id: str, state: int, version: int, at: int) -> dict[str, Value]:
    return {"tx_id": tx_id, "tx_state": state, "tx_version": version, "tx_prepared_at": at}


def _no_image(table: Table) -> dict[str, Value]:
    return {BEFORE + column: None for column in (*TX_COLUMNS, *table.rest)}


def _next(old: Row) -> int:
    version = old["tx_version"]
    return version + 1 if isinstance(version, int) else 1


def _named(table: Table, row: tuple[Value, ...]) -> dict[str, Value]:
    return dict(zip(table.columns, row, strict=False))
