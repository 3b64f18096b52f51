"""Tables as the engine sees them: a namespace, typed columns, keys and secondary indexes."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import NamedTuple

from infra.engine.errors import InvalidRequest

#: A stored value: None, or the Python form of one of ScalarDB's types.
Value = str | int | float | bool | bytes | None
#: A primary key: partition key values, then clustering key values, in table order.
Key = tuple[Value, ...]


class Type(StrEnum):
    """ScalarDB's column types. Between engine and storage, times travel as whole numbers: a DATE in
    days since 1970, a TIME in microseconds of the day, a TIMESTAMP in milliseconds since 1970 of
    its own clock, a TIMESTAMPTZ in epoch milliseconds."""

    BOOLEAN = "BOOLEAN"
    INT = "INT"
    BIGINT = "BIGINT"
    FLOAT = "FLOAT"
    DOUBLE = "DOUBLE"
    TEXT = "TEXT"
    BLOB = "BLOB"
    DATE = "DATE"
    TIME = "TIME"
    TIMESTAMP = "TIMESTAMP"
    TIMESTAMPTZ = "TIMESTAMPTZ"


#: The transaction columns that every table has after the user's own.
TX_COLUMNS = {
    "tx_id": Type.TEXT,
    "tx_state": Type.INT,
    "tx_version": Type.INT,
    "tx_prepared_at": Type.BIGINT,
    "tx_committed_at": Type.BIGINT,
}
#: Begins the name of each column that holds the image before a row's last change.
BEFORE = "before_"
#: Values of tx_state, and of a coordinator's row.
PREPARED, DELETED, COMMITTED, ABORTED = 1, 2, 3, 4


@dataclass(frozen=True, eq=False)
class Table:
    """One table. `columns` maps name to type, keys first, in the order of a record's values.

    A `plain` one has no transaction columns: the coordinator's, which is what commits.
    """

    namespace: str
    name: str
    columns: dict[str, Type]
    partition: tuple[str, ...]
    clustering: tuple[str, ...] = ()
    indexes: tuple[str, ...] = ()
    descending: frozenset[str] = field(default_factory=frozenset)
    plain: bool = False

    def __post_init__(self) -> None:
        for wrong in _mistakes(self):
            raise InvalidRequest(f"{self.full_name}: {wrong}")

    @property
    def full_name(self) -> str:
        return f"{self.namespace}.{self.name}"

    @cached_property
    def keys(self) -> tuple[str, ...]:
        """Names of the primary key's columns."""
        return self.partition + self.clustering

    @cached_property
    def key_width(self) -> int:
        """How many leading values of a record make its primary key."""
        return len(self.partition) + len(self.clustering)

    @cached_property
    def rest(self) -> tuple[str, ...]:
        """Names of the columns that are no keys."""
        return tuple(self.columns)[self.key_width :]

    @cached_property
    def stored(self) -> dict[str, Type]:
        """Every column on disk: the user's, the transaction's, and the images before."""
        if self.plain:
            return self.columns
        imaged = TX_COLUMNS | {c: self.columns[c] for c in self.rest}
        return self.columns | TX_COLUMNS | {BEFORE + c: kind for c, kind in imaged.items()}

    @cached_property
    def indexed(self) -> tuple[str, ...]:
        """Columns with an index; ScalarDB also indexes the image before, where a row that is being
        written may still be found."""
        before = [BEFORE + c for c in self.indexes if c in self.rest]
        return (*self.indexes, *before)

    def is_like(self, other: "Table") -> bool:
        """Whether records of both are the same."""
        return (
            [*self.columns.items()] == [*other.columns.items()]
            and (self.partition, self.clustering) == (other.partition, other.clustering)
            and self.descending == other.descending
        )

    def __repr__(self) -> str:
        return f"<Table {self.full_name}>"


def _mistakes(table: Table) -> Iterator[str]:
    """What makes a declaration none; each later look relies on the earlier ones."""
    known = ", ".join(map(str, table.columns))
    for column, kind in table.columns.items():
        if type(kind) is not Type:
            yield f"column {column} is of type {kind!r}, which is no Type"
    for part in ("partition", "clustering", "indexes"):
        names = getattr(table, part)
        if type(names) is not tuple:
            yield f"{part} is {names!r}, which is no tuple of columns"
        for column in names:
            if column not in table.columns:
                yield f"{part} has {column!r}, which is no column; it has {known}"
    if not table.partition:
        yield "partition is empty; a row is found by it"
    for column in table.descending:
        if column not in table.clustering:
            yield f"descending has {column!r}, which is no clustering column"
    if tuple(table.columns)[: table.key_width] != table.keys:
        yield f"columns must begin with the keys {table.keys}"


class Record(NamedTuple):
    """A committed row: its values in column order, and the transaction that wrote it."""

    values: tuple[Value, ...]
    tx_id: str | None
    tx_version: int
