"""The SQL of one table: every statement takes any number of rows, as one array for each column."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from infra.engine.postgres.types import NAMES
from infra.engine.shapes import Shapes, quoted
from infra.engine.storage import Pending, Selection
from infra.engine.table import (
    BEFORE,
    COMMITTED,
    DELETED,
    PREPARED,
    Key,
    Record,
    Table,
    Value,
)

#: Parameters before the arrays: the writer's tx_id, and a time.
SHARED = 2


class Part(NamedTuple):
    """One table's inserts, updates or deletes within a statement that does them all."""

    #: The statement before and after its source of rows.
    sql: tuple[str, str]
    #: Types of the columns of its rows.
    types: tuple[str, ...]
    #: Whether each row has to be found, or else nothing is done at all.
    strict: bool


def table_name(table: Table) -> str:
    return f"{quoted(table.namespace)}.{quoted(table.name)}"


class Statements:
    """One table's statements, and the way back from a row to a record."""

    def __init__(self, table: Table) -> None:
        self.table = table
        self.name = table_name(table)
        self._shapes = Shapes(table, "$1::text", "$2::bigint", "IS NOT DISTINCT FROM")
        self._types = tuple(NAMES[kind] for kind in table.columns.values())
        self._keys = self._types[: table.key_width]
        self._read = [*map(quoted, table.columns), '"tx_id"', '"tx_state"', '"tx_version"']
        self._width = len(table.columns)
        self.insert = lru_cache(self._insert)
        self.update = lru_cache(self._update)
        self.delete = lru_cache(self._delete)
        self.stay = lru_cache(self._stay)
        self.go = lru_cache(self._go)
        names = ",".join(map(quoted, table.columns))
        marks = ",".join(f"${i + 1}::{kind}" for i, kind in enumerate(self._types))
        #: Of a plain table: one row, unless there is one.
        self.put_if_absent = (
            f"INSERT INTO {self.name}({names}) VALUES ({marks}) ON CONFLICT DO NOTHING RETURNING 1"
        )
        self.discard = Part(self._remove(self._shapes.match), self._keys, False)

    # reading

    def rows(self, locked: bool) -> str:
        """Rows by their keys."""
        return self._by_key(self._read) + (" FOR UPDATE OF t" if locked else "")

    def numbered(self, number: int, first: int) -> str:
        """Rows by their keys, each as one value; `first` is the first parameter."""
        what = ",".join(f"t.{c}" for c in self._read)
        keys = source(self._keys, first)
        return f"SELECT {number},ROW({what}) FROM {keys} JOIN {self.name} t ON {self._shapes.match}"

    def images(self) -> str:
        """Whole rows by their keys."""
        return self._by_key([*map(quoted, self.table.stored)])

    def _by_key(self, columns: Sequence[str]) -> str:
        what = ",".join(f"t.{c}" for c in columns)
        keys = source(self._keys, 1)
        return f"SELECT {what} FROM {keys} JOIN {self.name} t ON {self._shapes.match}"

    def select(self, selection: Selection, locked: bool) -> tuple[str, list[Value]]:
        """A scan and its parameters; start and end compare by value, whatever the order."""
        where, values = [], list[Value]()

        def marked(column: str, value: Value) -> str:
            values.append(value)
            return f"${len(values)}::{NAMES[self.table.columns[column]]}"

        for columns, operator, bound in selection.where:
            names = ",".join(f"t.{quoted(c)}" for c in columns)
            marks = ",".join(marked(c, v) for c, v in zip(columns, bound, strict=True))
            where.append(f"({names}) {operator} ({marks})")
        writing = f't."tx_state" IN ({PREPARED},{DELETED})'
        if selection.indexed:
            column, value = selection.indexed
            mark = marked(column, value)
            either = [f"t.{quoted(column)}={mark}"]
            if column in self.table.rest:  # a key has no image before
                either.append(f"t.{quoted(BEFORE + column)}={mark} AND {writing}")
            where.append(f"({' OR '.join(either)})")
        if selection.tests:
            either = [writing]
            for alternative in selection.tests:
                every = (
                    f"t.{quoted(c)} {op}{'' if op.startswith('is') else ' ' + marked(c, v)}"
                    for c, op, v in alternative
                )
                either.append(f"({' AND '.join(every)})")
            where.append(f"({' OR '.join(either)})")
        sql = f"SELECT {','.join(f't.{c}' for c in self._read)} FROM {self.name} t"
        sql += f" WHERE {' AND '.join(where)}" if where else ""
        if selection.order:
            down = (c in self.table.descending for c in selection.order)
            terms = (
                f"t.{quoted(c)} {'DESC' if d != selection.reverse else 'ASC'}"
                for c, d in zip(selection.order, down, strict=True)
            )
            sql += f" ORDER BY {','.join(terms)}"
        if selection.limit is not None:
            values.append(selection.limit)
            sql += f" LIMIT ${len(values)}::bigint"
        return sql + (" FOR UPDATE OF t" if locked else ""), values

    def found(self, rows: Sequence[Any], pending: list[Pending]) -> list[Record | Pending]:
        """Rows as records; one that somebody is writing comes as what it is."""
        width, new = self._width, tuple.__new__
        records: list[Record | Pending] = [
            new(Record, (row[:width], row[width], row[-1] or 0)) for row in rows
        ]
        for i, row in enumerate(rows):
            if row[-2] != COMMITTED and row[-2] is not None and row[width] is not None:
                writing = Pending(self.table, row[: self.table.key_width], row[width])
                records[i] = writing
                pending.append(writing)
        return records

    def told(self, rows: Sequence[Any]) -> tuple[list[Record], list[Pending]]:
        """Rows by their keys: the committed ones, and those that somebody is writing."""
        pending: list[Pending] = []
        found: list[Any] = self.found(rows, pending)
        return [row for row in found if type(row) is Record] if pending else found, pending

    # writing

    def _insert(self, state: int = COMMITTED) -> Part:
        columns = self.table.keys if state == DELETED else tuple(self.table.columns)
        own = self._shapes.inserted(state)
        names = ",".join(map(quoted, [*own, *columns]))
        values = ",".join([*own.values(), *(f"v.column{i + 1}" for i in range(len(columns)))])
        sql = f"INSERT INTO {self.name}({names}) SELECT {values} FROM "
        return Part((sql, ""), self._types[: len(columns)], False)

    def _update(self, prepared: bool = False) -> Part:
        where = self._shapes.unchanged(self._width + 1)
        if not prepared:
            return Part(self._change(self._shapes.replaced(), where), (*self._types, "text"), True)
        where += f" AND {self._shapes.settled()}"
        new = self._shapes.prepared(delete=False)
        return Part(self._change(new, where), (*self._types, "text"), True)

    def _delete(self, prepared: bool = False) -> Part:
        where = self._shapes.unchanged(self.table.key_width + 1)
        if not prepared:
            return Part(self._remove(where), (*self._keys, "text"), True)
        where += f" AND {self._shapes.settled()}"
        new = self._shapes.prepared(delete=True)
        return Part(self._change(new, where), (*self._keys, "text"), True)

    def _stay(self, committed: bool) -> Part:
        if committed:
            new, where = self._shapes.committed(), self._shapes.ours([PREPARED])
        else:
            new = self._shapes.restored()
            where = self._shapes.ours([PREPARED, DELETED], image=True)
        return Part(self._change(new, where), self._keys, False)

    def _go(self, committed: bool) -> Part:
        states = [DELETED] if committed else [PREPARED, DELETED]
        where = self._shapes.ours(states, image=None if committed else False)
        return Part(self._remove(where), self._keys, False)

    def _change(self, new: str, where: str) -> tuple[str, str]:
        return f"UPDATE {self.name} AS t SET {new} FROM ", f" WHERE {where}"

    def _remove(self, where: str) -> tuple[str, str]:
        return f"DELETE FROM {self.name} AS t USING ", f" WHERE {where}"


def source(types: Sequence[str], first: int) -> str:
    """Arrays from the parameter `first` on, as rows."""
    arrays = ",".join(f"${first + i}::{kind}[]" for i, kind in enumerate(types))
    names = ",".join(f"column{i + 1}" for i in range(len(types)))
    return f"unnest({arrays}) AS v({names})"


@lru_cache(maxsize=1_024)
def rows_of(several: tuple[Statements, ...]) -> str:
    """Rows of several tables by their keys, in one statement: the table's number, and the row."""
    parts, at = [], 1
    for number, statements in enumerate(several):
        parts.append(statements.numbered(number, at))
        at += statements.table.key_width
    return " UNION ALL ".join(parts)


@lru_cache(maxsize=1_024)
def together(parts: tuple[Part, ...]) -> str:
    """All parts in one statement, which does all or nothing: one row too few divides by zero."""
    steps, checks, at = [], ["$1::text IS NOT NULL", "$2::bigint IS NOT NULL"], SHARED + 1
    fail = "0"
    for i, part in enumerate(parts):
        sql = source(part.types, at).join(part.sql)
        if part.strict:
            sql += " RETURNING 1"
            checks.append(f"(SELECT count(*) FROM p{i})=cardinality(${at})")
            # Not a constant, which would be divided when the statement is planned.
            fail = f"1/(SELECT count(*)*0 FROM p{i})"
        steps.append(f"p{i} AS ({sql})")
        at += len(part.types)
    return f"WITH {','.join(steps)} SELECT CASE WHEN {' AND '.join(checks)} THEN 1 ELSE {fail} END"


def columns_of(rows: Sequence[Key], width: int) -> list[Sequence[Value]]:
    """Rows turned into columns."""
    return list(zip(*rows, strict=True)) if rows else [()] * width
