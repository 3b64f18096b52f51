"""The SQL of one table, by number of rows; texts are kept, since SQLite caches plans by text."""

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import Any, TypeVar

from infra.engine.buffered import Selection
from infra.engine.table import Record, Table, Type, Value

T = TypeVar("T")

#: Rows of one write statement. Powers of two, so that few texts serve every batch size: each
#: statement is one hand-over of the GIL, each text is some 100 KB of prepared program at most.
WRITE_SIZES_ROWS = (128, 64, 32, 16, 8, 4, 2, 1)
#: Keys of one read statement; a shorter list is filled up with keys that match nothing.
READ_SIZES_KEYS = (1, 4, 16, 64, 256)
#: SQLite's own limit is 32,766 parameters of a statement.
PARAMETERS_MAX = 32_000
#: The state of a row that no transaction is writing.
COMMITTED = 3

TX_COLUMNS = {
    "tx_id": Type.TEXT,
    "tx_state": Type.INT,
    "tx_version": Type.INT,
    "tx_prepared_at": Type.BIGINT,
    "tx_committed_at": Type.BIGINT,
}
_NEW = '"tx_id","tx_state","tx_version","tx_prepared_at","tx_committed_at"'


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


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
        self.name = quoted(f"{table.namespace}${table.name}")
        self.columns = tuple(table.columns)
        self.key = self.columns[: table.key_width]
        self.rest = self.columns[table.key_width :]
        types = tuple(table.columns.values())
        #: A double does not survive SQLite's JSON to the last digit; such tables go row by row.
        self.packed = Type.DOUBLE not in types
        self._times = tuple(i for i, kind in enumerate(types) if kind is Type.TIMESTAMPTZ)
        self._decoders = tuple(
            (i, decode) for i, kind in enumerate(types) if (decode := self._decoder(kind))
        )
        self.read = lru_cache(self._read)
        self.insert = lru_cache(self._insert)
        self.update = lru_cache(self._update)
        self.delete = lru_cache(self._delete)
        self.discard = lru_cache(self._discard)

    def _read(self, size: int) -> str:
        wanted = _values(size, len(self.key))
        match = self._match()
        return self._rows(f"(VALUES {wanted}) v CROSS JOIN {self.name} t ON {match}")

    def _insert(self, size: int) -> str:
        row = "(?1,3,1,?2,?2" + ",?" * len(self.columns) + ")"
        names = ",".join(map(quoted, self.columns))
        return f"INSERT INTO {self.name}({_NEW},{names}) VALUES {','.join([row] * size)}"

    def _update(self, size: int) -> str:
        width = len(self.key)
        new = [f"{quoted(c)}=v.column{width + i}" for i, c in enumerate(self.rest, 1)]
        old = [f"{quoted('before_' + c)}=NULL" for c in (*TX_COLUMNS, *self.rest)]
        return (
            f'UPDATE {self.name} AS t SET "tx_id"=?1,"tx_state"=3,'
            f'"tx_version"=coalesce(t."tx_version",0)+1,"tx_prepared_at"=?2,"tx_committed_at"=?2,'
            f"{','.join(new + old)} FROM (VALUES {_values(size, len(self.columns) + 1)}) v "
            f'WHERE {self._match()} AND t."tx_id" IS v.column{len(self.columns) + 1}'
        )

    def _delete(self, size: int) -> str:
        width = len(self.key) + 1
        return (
            f"DELETE FROM {self.name} WHERE rowid IN (SELECT t.rowid FROM "
            f"(VALUES {_values(size, width)}) v CROSS JOIN {self.name} t "
            f'ON {self._match()} AND t."tx_id" IS v.column{width})'
        )

    def _discard(self, size: int) -> str:
        return (
            f"DELETE FROM {self.name} WHERE rowid IN (SELECT t.rowid FROM "
            f"(VALUES {_values(size, len(self.key))}) v CROSS JOIN {self.name} t "
            f"ON {self._match()})"
        )

    def select(self, selection: Selection) -> tuple[str, list[Value]]:
        """A scan and its parameters; start and end compare by value, whatever the order."""
        where, values = [], []
        for columns, operator, bound in selection.where:
            names = ",".join(f"t.{quoted(c)}" for c in columns)
            marks = ",".join("?" * len(bound))
            where.append(f"({names}) {operator} ({marks})")
            values += [self._bound(c, v) for c, v in zip(columns, bound, strict=True)]
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

    def records(self, rows: list[Any]) -> list[Record]:
        """Rows as SQLite gave them, as records; none may be the work of an open transaction."""
        count, new = len(self.columns), tuple.__new__
        if self._decoders:
            rows = [self._decode(row) for row in rows]
        return [new(Record, (tuple(row[:count]), row[-3], row[-1] or 0)) for row in rows]

    def encode(self, rows: list[tuple[Value, ...]]) -> list[tuple[Value, ...]]:
        """Rows as ScalarDB stores them; only times before 1970 look different."""
        return [self._encode(row) for row in rows] if self._times else rows

    def _match(self) -> str:
        return " AND ".join(f"t.{quoted(c)}=v.column{i}" for i, c in enumerate(self.key, 1))

    def _rows(self, source: str) -> str:
        names = [f"t.{quoted(c)}" for c in self.columns]
        if self.packed:
            kinds = self.table.columns.values()
            names = [
                f"iif({n} IS NULL,NULL,hex({n}))" if kind is Type.BLOB else n
                for n, kind in zip(names, kinds, strict=True)
            ]
        what = ",".join((*names, 't."tx_id"', 't."tx_state"', 't."tx_version"'))
        # The whole answer as one row is one step of SQLite, hence one hand-over of the GIL:
        # row by row, a busy event loop makes every single row wait for its switch interval.
        if self.packed:
            what = f"json_group_array(json_array({what}))"
        return f"SELECT {what} FROM {source}"

    def _decoder(self, kind: Type) -> Callable[[Any], Value] | None:
        blob = bytes.fromhex if self.packed else None
        decoders: dict[Type, Callable[[Any], Value] | None] = {
            Type.BOOLEAN: bool,
            Type.TIMESTAMPTZ: decoded_time,
            Type.BLOB: blob,
        }
        return decoders.get(kind)

    def _decode(self, row: Sequence[Any]) -> list[Any]:
        values = list(row)
        for i, decode in self._decoders:
            if values[i] is not None:
                values[i] = decode(values[i])
        return values

    def _bound(self, column: str, value: Value) -> Value:
        time = self.table.columns[column] is Type.TIMESTAMPTZ and isinstance(value, int)
        return encoded_time(value) if time else value  # type: ignore[arg-type]

    def _encode(self, row: tuple[Value, ...]) -> tuple[Value, ...]:
        for i in self._times:
            if i < len(row) and isinstance(time := row[i], int) and time < 0:
                row = (*row[:i], encoded_time(time), *row[i + 1 :])
        return row


def encoded_time(ms: int) -> int:
    """Epoch milliseconds as ScalarDB writes them to SQLite: seconds and milliseconds apart."""
    seconds, rest = divmod(ms, 1000)
    return ms if ms >= 0 else seconds * 1000 - (999 - rest)


def decoded_time(stored: int) -> int:
    if stored >= 0:
        return stored
    seconds, rest = divmod(-stored, 1000)
    return -seconds * 1000 + 999 - rest


def _values(rows: int, columns: int) -> str:
    return ",".join([f"({','.join('?' * columns)})"] * rows)
