"""Conditions on columns, evaluated on records as ScalarDB evaluates them."""

import operator
from collections.abc import Callable, Mapping
from typing import Any

from infra.engine.storage import Comparison, Selection
from infra.engine.table import Record, Table, Value

_OPERATORS: Mapping[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "<>": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def holds(comparison: Comparison, value: Value) -> bool:
    """Whether a column's value meets a condition; NULL meets only `is null`."""
    if comparison.operator == "is null":
        return value is None
    if comparison.operator == "is not null":
        return value is not None
    if value is None or comparison.value is None:
        return False
    return _OPERATORS[comparison.operator](ordered(value), ordered(comparison.value))


def ordered(value: Value) -> Any:
    """A value that compares as ScalarDB's does: text by UTF-16 code units, as Java's strings."""
    return value.encode("utf-16-be", "surrogatepass") if isinstance(value, str) else value


def meets(
    table: Table, values: tuple[Value, ...], tests: tuple[tuple[Comparison, ...], ...]
) -> bool:
    """Whether all comparisons of one of these alternatives hold; true where there are none."""
    return not tests or any(
        all(holds(one, values[position(table, one.column)]) for one in alternative)
        for alternative in tests
    )


def selects(selection: Selection, record: Record) -> bool:
    """Whether a record is one that this selection asked for by value."""
    table, values = selection.table, record.values
    if selection.indexed:
        column, value = selection.indexed
        if values[position(table, column)] != value:
            return False
    return meets(table, values, selection.tests)


def position(table: Table, column: str) -> int:
    """Where in a record this column's value is."""
    return list(table.columns).index(column)
