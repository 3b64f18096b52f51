"""Scans over own writes, which ScalarDB refuses: what they would find is not decided yet."""

from collections.abc import Sequence
from itertools import chain

from infra.engine.comparing import position, selects
from infra.engine.errors import InvalidRequest
from infra.engine.storage import Selection, Where
from infra.engine.table import Key, Record, Table, Value
from infra.engine.workset import Rows


def check_overlap(selection: Selection, written: Rows, found: Sequence[Record] = ()) -> None:
    """InvalidRequest if the scan could find, or found, a row that this transaction has written."""
    table, width = selection.table, selection.table.key_width
    for record in found:
        if written.is_written(record.values[:width]):
            raise _refused(table, record.values[:width])
    puts = chain(written.inserted.values(), written.updated.values(), written.new)
    for values in puts:
        inside = all(_lies(table, values, where) for where in selection.where)
        if inside and selects(selection, Record(values, None, 0)):
            raise _refused(table, values[:width])


def _lies(table: Table, values: tuple[Value, ...], where: Where) -> bool:
    mine = tuple(values[position(table, column)] for column in where.columns)
    if where.operator == "=":
        return mine == where.values
    if where.operator in (">=", ">"):
        return mine >= where.values if where.operator == ">=" else mine > where.values
    return mine <= where.values if where.operator == "<=" else mine < where.values


def _refused(table: Table, key: Key) -> InvalidRequest:
    return InvalidRequest(
        f"{table.full_name} {key!r} was written in this transaction; a scan over it is refused:"
        " scan first, or get the row by its key"
    )
