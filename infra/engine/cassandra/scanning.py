"""Scans in CQL as far as Cassandra can; what it cannot is done with the rows it gave."""

import operator
from collections.abc import Callable, Mapping
from itertools import takewhile
from typing import Any, NamedTuple

from cassandra.metadata import protect_name

from infra.engine.cassandra.connection import Statement
from infra.engine.cassandra.statements import listed, record_columns, select_text
from infra.engine.cassandra.values import check_value
from infra.engine.storage import Selection, Where
from infra.engine.table import BEFORE, Table, Value

Row = tuple[Any, ...]

_OPERATORS: Mapping[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
}


class Plan(NamedTuple):
    """A scan's statement, and whether its rows come in the order asked for."""

    statement: Statement
    ordered: bool


def check(selection: Selection) -> None:
    """WriteRefused for a value that could be in no row."""
    for where in selection.where:
        for column, value in zip(where.columns, where.values, strict=True):
            check_value(selection.table, column, value)
    if selection.indexed:
        check_value(selection.table, *selection.indexed)


def by_index(selection: Selection, column: str, value: Value) -> list[Statement]:
    """By the value now, then by the one before: a row that is being written meanwhile is found by
    one or the other, and one that is given back has the value again."""
    table = selection.table
    names = [column, BEFORE + column] if column in table.rest else [column]
    texts = [select_text(table, record_columns(table), f"{protect_name(n)} = ?") for n in names]
    return [Statement(text, (value,)) for text in texts]


def plan(selection: Selection) -> Plan:
    """One partition if it is named whole, else all of them."""
    table, wheres = selection.table, selection.where
    fixed = _fixed(wheres)
    if not all(column in fixed for column in table.partition):
        ordered, exact = not selection.order, not wheres
        terms: list[str] = []
        values: list[Value] = []
        turned = ""
    else:
        leading = [*table.partition, *_leading(table, fixed)]
        terms = [f"{protect_name(column)} = ?" for column in leading]
        values = [fixed[column] for column in leading]
        left = [where for where in wheres if not {*where.columns} <= {*leading}]
        exact = _add_ranges(table, len(leading), left, terms, values)
        order = [column for column in selection.order if column not in fixed]
        ordered = order == [c for c in table.clustering if c not in fixed][: len(order)]
        turned = _turned(table) if ordered and order and selection.reverse else ""
    text = select_text(table, record_columns(table), " AND ".join(terms)) + turned
    if exact and ordered and selection.limit is not None and not selection.tests:
        text += " LIMIT ?"
        values.append(selection.limit)
    return Plan(Statement(text, values), ordered)


def selected(table: Table, wheres: tuple[Where, ...], rows: list[Row]) -> list[Row]:
    """The rows that meet the conditions."""
    at = {column: i for i, column in enumerate(table.columns)}
    for columns, sign, values in wheres:
        places = [at[column] for column in columns]
        meets = _OPERATORS[sign]
        rows = [row for row in rows if meets(tuple(row[i] for i in places), values)]
    return rows


def in_order(selection: Selection, rows: list[Row]) -> list[Row]:
    """The rows sorted; Cassandra has no order over several partitions."""
    places = {column: i for i, column in enumerate(selection.table.columns)}
    for column in reversed(selection.order):
        down = column in selection.table.descending
        rows = sorted(
            rows, key=operator.itemgetter(places[column]), reverse=down != selection.reverse
        )
    return rows


def _fixed(wheres: tuple[Where, ...]) -> dict[str, Value]:
    """Columns that have one value in all rows."""
    fixed: dict[str, Value] = {}
    for where in wheres:
        if where.operator == "=":
            fixed |= dict(zip(where.columns, where.values, strict=True))
    return fixed


def _leading(table: Table, fixed: Mapping[str, Value]) -> list[str]:
    """The clustering columns from the first on that have one value."""
    return list(takewhile(fixed.__contains__, table.clustering))


def _add_ranges(
    table: Table, at: int, wheres: list[Where], terms: list[str], values: list[Value]
) -> bool:
    """Add the ranges that Cassandra can look up: one from below and one from above, on the key's
    columns from `at` on; whether these are all conditions, and as narrow."""
    exact, sides = True, set()
    for columns, sign, bound in wheres:
        if columns != table.keys[at : at + len(columns)] or sign == "=" or sign[0] in sides:
            exact = False
            continue
        sides.add(sign[0])
        several_orders = len({column in table.descending for column in columns}) > 1
        if several_orders or (at > len(table.partition) and len(columns) > 1):
            columns, bound, exact = columns[:1], bound[:1], False
            sign = ">=" if sign[0] == ">" else "<="
        marks = ", ".join("?" * len(bound))
        terms.append(f"({listed(columns)}) {sign} ({marks})")
        values += bound
    return exact


def _turned(table: Table) -> str:
    terms = (
        f"{protect_name(c)} {'ASC' if c in table.descending else 'DESC'}" for c in table.clustering
    )
    return f" ORDER BY {', '.join(terms)}"
