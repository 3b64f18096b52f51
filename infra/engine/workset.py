"""What one transaction has read and shall write, table by table."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from infra.engine.errors import InvalidRequest
from infra.engine.storage import Change, Selection
from infra.engine.table import Key, Record, Table, Value


class Scanned(NamedTuple):
    """A scan as it was answered: each row's key and the transaction that had written it."""

    selection: Selection
    found: list[tuple[Key, str | None]]


@dataclass(slots=True)
class Rows:
    """One table's share of a transaction."""

    read: dict[Key, Record | None] = field(default_factory=dict)
    inserted: dict[Key, tuple[Value, ...]] = field(default_factory=dict)
    new: list[tuple[Value, ...]] = field(default_factory=list)
    updated: dict[Key, tuple[Value, ...]] = field(default_factory=dict)
    deleted: set[Key] = field(default_factory=set)
    discarded: set[Key] = field(default_factory=set)
    absent: set[Key] = field(default_factory=set)

    def writes(self) -> bool:
        return bool(
            self.new
            or self.inserted
            or self.updated
            or self.deleted
            or self.discarded
            or self.absent
        )

    def is_written(self, key: Key) -> bool:
        """Whether the commit asserts this key anyway."""
        return (
            key in self.inserted or key in self.updated or key in self.deleted or key in self.absent
        )

    def change(self, table: Table) -> Change:
        # Values begin with their key, so sorting whole rows sorts them by primary key.
        return Change(
            table,
            sorted([*self.inserted.values(), *self.new]),
            [(*row, self._tx_id(key)) for key, row in sorted(self.updated.items())],
            [(*key, self._tx_id(key)) for key in sorted(self.deleted)],
            sorted(self.discarded),
            sorted(self.absent),
        )

    def _tx_id(self, key: Key) -> str | None:
        record = self.read[key]
        return record.tx_id if record else None


class Workset:
    """The read set and the write set of one transaction."""

    def __init__(self) -> None:
        self.tables: dict[Table, Rows] = {}
        self.scans: list[Scanned] = []

    def rows(self, table: Table) -> Rows:
        rows = self.tables.get(table)
        if rows is None:
            rows = self._twins(table)
        if rows is None:
            rows = self.tables[table] = Rows()
        return rows

    def _twins(self, table: Table) -> Rows | None:
        """The share of this table by another object that declares it."""
        for known, rows in self.tables.items():
            if known.name == table.name and known.namespace == table.namespace:
                if not known.is_like(table):
                    raise InvalidRequest(
                        f"{table.full_name} is declared in two ways in one transaction"
                    )
                return rows
        return None

    def changes(self) -> list[Change]:
        """What a commit writes, in one order of tables for everybody."""
        written = ((table, rows) for table, rows in self.tables.items() if rows.writes())
        return [
            rows.change(table)
            for table, rows in sorted(written, key=lambda item: item[0].full_name)
        ]

    def written(self) -> set[str]:
        """The namespaces that a commit writes in."""
        return {table.namespace for table, rows in self.tables.items() if rows.writes()}

    def only_read(self) -> Iterator[tuple[Table, dict[Key, Record | None]]]:
        """What was read by key and is not asserted by a write of it."""
        for table, rows in self.tables.items():
            kept = {key: record for key, record in rows.read.items() if not rows.is_written(key)}
            if kept:
                yield table, kept
