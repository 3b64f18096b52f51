"""Tables as the engine sees them: a namespace, typed columns, keys and secondary indexes."""

from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import NamedTuple

#: A stored value: None, or the Python form of one of ScalarDB's types.
Value = str | int | float | bool | bytes | None
#: A primary key: partition key values, then clustering key values, in table order.
Key = tuple[Value, ...]


class Type(StrEnum):
    """ScalarDB's column types that Odori uses; dates and times travel as epoch milliseconds."""

    TEXT = "TEXT"
    INT = "INT"
    BIGINT = "BIGINT"
    BOOLEAN = "BOOLEAN"
    DOUBLE = "DOUBLE"
    BLOB = "BLOB"
    TIMESTAMPTZ = "TIMESTAMPTZ"


@dataclass(frozen=True, eq=False)
class Table:
    """One table. `columns` maps name to type, keys first, in the order of a record's values."""

    namespace: str
    name: str
    columns: dict[str, Type]
    partition: tuple[str, ...]
    clustering: tuple[str, ...] = ()
    indexes: tuple[str, ...] = ()
    descending: frozenset[str] = field(default_factory=frozenset)

    def __post_init__(self) -> None:
        keys = self.partition + self.clustering
        if tuple(self.columns)[: len(keys)] != keys:
            raise ValueError(f"{self.full_name}: columns must begin with the keys {keys}")

    @property
    def full_name(self) -> str:
        return f"{self.namespace}.{self.name}"

    @cached_property
    def key_width(self) -> int:
        """How many leading values of a record make its primary key."""
        return len(self.partition) + len(self.clustering)

    def __repr__(self) -> str:
        return f"<Table {self.full_name}>"


class Record(NamedTuple):
    """A committed row: its values in column order, and the transaction that wrote it."""

    values: tuple[Value, ...]
    tx_id: str | None
    tx_version: int
