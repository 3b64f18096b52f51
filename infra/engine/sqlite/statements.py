"""The SQL of one table, by number of rows; texts are kept, since SQLite caches plans by text."""

from collections.abc import Iterator
from functools import lru_cache
from typing import Any, TypeVar

from infra.engine.shapes import Shapes, quoted
from infra.engine.sqlite.ddl import table_name
from infra.engine.sqlite.values import Values, decoded, encoded
from infra.engine.storage import Pending, Selection
from infra.engine.table import (
    BEFORE,
    COMMITTED,
    DELETED,
    PREPARED,
    Record,
    Table,
    Type,
    Value,
)

T = TypeVar("T")

#: Rows of one write statement. Powers of two, so that few texts serve every batch size: each
#: statement is one hand-over of the GIL, each text is some 100 KB of prepared program at most.
WRITE_SIZES_ROWS = (128, 64, 32, 16, 8, 4, 2, 1)
#: Keys of one read statement; a shorter list is filled up with keys that match nothing.
READ_SIZES_KEYS = (1, 4, 16, 64, 256)
#: SQLite's own limit is 32,766 parameters of a statement.
PARAMETERS_MAX = 32_000


def write_chunks(rows: list[T], columns: int) -> Iterator[list[T]]:
    """The rows in as few statements as the fixed sizes allow."""
    at, left = 0, len(rows)
    for size in WRITE_SIZES_ROWS:
        while left >= size and size * columns <= PARAMETERS_MAX:
            yield rows[at : at + size]
            at, left = at + size, left - size


class Statements:
    """One table's statements, and the way back from a row to a record."""

    def __init__(self, table: Table) -> None:
        self.table = table
        self.name = table_name(table)
        self.columns = tuple(table.columns)
        self.values = Values(table)
        self.encode = self.values.encode
        self._shapes = Shapes(table, "?1", "?2", "IS")
        self.read = lru_cache(self._read)
        self.images = lru_cache(self._images)
        self.insert = lru_cache(self._insert)
        self.update = lru_cache(self._update)
        self.delete = lru_cache(self._delete)
        self.discard = lru_cache(self._discard)
        self.stay = lru_cache(self._stay)
        self.go = lru_cache(self._go)
        marks = ",".join("?" * len(self.columns))
        names = ",".join(map(quoted, self.columns))
        #: Of a plain table: one row, unless there is one.
        self.put_if_absent = (
            f"INSERT INTO {self.name}({names}) VALUES ({marks}) ON CONFLICT DO NOTHING"
        )

    def _read(self, size: int) -> str:
        return self._rows(f"{self._keys(size)} CROSS JOIN {self.name} t ON {self._shapes.match}")

    def _images(self, size: int) -> str:
        names = ",".join(f"t.{quoted(c)}" for c in self.table.stored)
        match = self._shapes.match
        return f"SELECT {names} FROM {self._keys(size)} CROSS JOIN {self.name} t ON {match}"

    def _insert(self, size: int, state: int = COMMITTED) -> str:
        """New rows in this state; of DELETED ones only the keys."""
        columns = self.table.keys if state == DELETED else self.columns
        own = self._shapes.inserted(state)
        row = f"({','.join([*own.values(), *'?' * len(columns)])})"
        names = ",".join(map(quoted, [*own, *columns]))
        return f"INSERT INTO {self.name}({names}) VALUES {','.join([row] * size)}"

    def _update(self, size: int, prepared: bool = False) -> str:
        width = len(self.columns) + 1
        where = self._shapes.unchanged(width)
        if not prepared:
            return self._change(self._shapes.replaced(), size, width, where)
        where += f" AND {self._shapes.settled()}"
        return self._change(self._shapes.prepared(delete=False), size, width, where)

    def _delete(self, size: int, prepared: bool = False) -> str:
        width = self.table.key_width + 1
        where = self._shapes.unchanged(width)
        if not prepared:
            return self._remove(_marks(size, width), where)
        where += f" AND {self._shapes.settled()}"
        return self._change(self._shapes.prepared(delete=True), size, width, where)

    def _discard(self, size: int) -> str:
        return self._remove(_marks(size, self.table.key_width), self._shapes.match)

    def _stay(self, size: int, committed: bool) -> str:
        if committed:
            new, where = self._shapes.committed(), self._shapes.ours([PREPARED])
        else:
            new = self._shapes.restored()
            where = self._shapes.ours([PREPARED, DELETED], image=True)
        values = _numbered(size, self.table.key_width)
        return f"UPDATE {self.name} AS t SET {new} FROM (VALUES {values}) v WHERE {where}"

    def _go(self, size: int, committed: bool) -> str:
        states = [DELETED] if committed else [PREPARED, DELETED]
        where = self._shapes.ours(states, image=None if committed else False)
        return self._remove(_numbered(size, self.table.key_width), where)

    def select(self, selection: Selection) -> tuple[str, list[Value]]:
        """A scan and its parameters; start and end compare by value, whatever the order."""
        where, values = [], []
        for columns, operator, bound in selection.where:
            names = ",".join(f"t.{quoted(c)}" for c in columns)
            marks = ",".join("?" * len(bound))
            where.append(f"({names}) {operator} ({marks})")
            values += [self._bound(c, v) for c, v in zip(columns, bound, strict=True)]
        if selection.indexed:
            column, value = selection.indexed
            writing = f't."tx_state" IN ({PREPARED},{DELETED})'
            either = [f"t.{quoted(column)}=?"]
            if column in self.table.rest:  # a key has no image before
                either.append(f"t.{quoted(BEFORE + column)}=? AND {writing}")
            where.append(f"({' OR '.join(either)})")
            values += [self._bound(column, value)] * len(either)
        if selection.tests:
            clause, more = self._tests(selection)
            where.append(clause)
            values += more
        source = f"{self.name} t"
        if where:
            source += f" WHERE {' AND '.join(where)}"
        if selection.order:
            down = (c in self.table.descending for c in selection.order)
            terms = (
                f"t.{quoted(c)} {'DESC' if d != selection.reverse else 'ASC'}"
                for c, d in zip(selection.order, down, strict=True)
            )
            source += f" ORDER BY {','.join(terms)}"
        if selection.limit is not None:
            source += " LIMIT ?"
            values.append(selection.limit)
        return self._rows(f"(SELECT * FROM {source}) t"), values

    def _tests(self, selection: Selection) -> tuple[str, list[Value]]:
        values: list[Value] = []
        either = [f't."tx_state" IN ({PREPARED},{DELETED})']
        for alternative in selection.tests:
            every = []
            for column, operator, value in alternative:
                unary = operator.startswith("is")
                every.append(f"t.{quoted(column)} {operator}{'' if unary else ' ?'}")
                values += [] if unary else [self._bound(column, value)]
            either.append(f"({' AND '.join(every)})")
        return f"({' OR '.join(either)})", values

    def records(self, rows: list[Any]) -> list[Record]:
        """Committed rows as SQLite gave them, as records."""
        count, new = len(self.columns), tuple.__new__
        return [
            new(Record, (tuple(row[:count]), row[-3], row[-1] or 0))
            for row in self.values.decode(rows)
        ]

    def pending(self, row: Any) -> Pending:
        """A row that somebody is writing."""
        (values,) = self.values.decode([row])
        return Pending(self.table, tuple(values[: self.table.key_width]), str(row[-3]))

    def image(self, row: tuple[Any, ...]) -> dict[str, Value]:
        """A whole row by column."""
        return {
            name: decoded(kind, value)
            for (name, kind), value in zip(self.table.stored.items(), row, strict=True)
        }

    def _bound(self, column: str, value: Value) -> Value:
        return encoded(self.table.columns[column], value)

    def _keys(self, size: int) -> str:
        return f"(VALUES {_marks(size, self.table.key_width)}) v"

    def _change(self, new: str, size: int, width: int, where: str) -> str:
        values = _marks(size, width)
        return f"UPDATE {self.name} AS t SET {new} FROM (VALUES {values}) v WHERE {where}"

    def _remove(self, values: str, where: str) -> str:
        return (
            f"DELETE FROM {self.name} WHERE rowid IN (SELECT t.rowid FROM "
            f"(VALUES {values}) v CROSS JOIN {self.name} t ON {where})"
        )

    def _rows(self, source: str) -> str:
        names = [f"t.{quoted(c)}" for c in self.columns]
        packed = self.values.packed
        if packed:
            kinds = self.table.columns.values()
            names = [
                f"iif({n} IS NULL,NULL,hex({n}))" if kind is Type.BLOB else n
                for n, kind in zip(names, kinds, strict=True)
            ]
        what = ",".join((*names, 't."tx_id"', 't."tx_state"', 't."tx_version"'))
        # The whole answer as one row is one step of SQLite, hence one hand-over of the GIL:
        # row by row, a busy event loop makes every single row wait for its switch interval.
        if packed:
            what = f"json_group_array(json_array({what}))"
        return f"SELECT {what} FROM {source}"


def _marks(rows: int, columns: int) -> str:
    return ",".join([f"({','.join('?' * columns)})"] * rows)


def _numbered(rows: int, columns: int) -> str:
    """Marks after ?1 and ?2, for a text in which those two come later, or not at all."""
    firsts = range(3, rows * columns + 3, columns)
    return ",".join(f"({','.join(f'?{at + i}' for i in range(columns))})" for at in firsts)
