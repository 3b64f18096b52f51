"""The half of a transaction that no storage changes: what was read, and what shall be written."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, Protocol

from infra.engine.table import Key, Record, Table, Value


class Where(NamedTuple):
    """A condition on leading values of some columns, compared in order like a tuple."""

    columns: tuple[str, ...]
    operator: Literal["=", ">=", "<="]
    values: Key


class Selection(NamedTuple):
    """Rows to be read otherwise than by key."""

    table: Table
    where: tuple[Where, ...] = ()
    order: tuple[str, ...] = ()
    reverse: bool = False
    limit: int | None = None


class Change(NamedTuple):
    """What a commit does to one table, in primary key order.

    Updates and deletes carry the tx_id that was read as their last value.
    """

    table: Table
    inserts: list[tuple[Value, ...]]
    updates: list[tuple[Value, ...]]
    deletes: list[tuple[Value, ...]]
    discards: list[Key]

    @property
    def rows(self) -> int:
        """How many rows it touches."""
        return len(self.inserts) + len(self.updates) + len(self.deletes) + len(self.discards)


class Session(Protocol):
    """What a storage does for one transaction."""

    async def rows(self, wanted: list[tuple[Table, list[Key]]]) -> list[list[Record]]: ...

    async def select(self, selection: Selection) -> list[Record]: ...

    async def write(self, tx_id: str, changes: Sequence[Change]) -> int: ...

    async def end(self) -> int:
        """Release what is held without writing; the current time in epoch milliseconds."""


@dataclass(slots=True)
class _Rows:
    read: dict[Key, Record | None] = field(default_factory=dict)
    inserted: dict[Key, tuple[Value, ...]] = field(default_factory=dict)
    new: list[tuple[Value, ...]] = field(default_factory=list)
    updated: dict[Key, tuple[Value, ...]] = field(default_factory=dict)
    deleted: set[Key] = field(default_factory=set)
    discarded: set[Key] = field(default_factory=set)

    def change(self, table: Table) -> Change:
        # Values begin with their key, so sorting whole rows sorts them by primary key.
        return Change(
            table,
            sorted([*self.inserted.values(), *self.new]),
            [(*row, self._tx_id(key)) for key, row in sorted(self.updated.items())],
            [(*key, self._tx_id(key)) for key in sorted(self.deleted)],
            sorted(self.discarded),
        )

    def _tx_id(self, key: Key) -> str | None:
        record = self.read[key]
        return record.tx_id if record else None


class BufferedTransaction:
    """A `Transaction` over the session of any storage; writes wait here until commit."""

    def __init__(self, session: Session, tx_id: str) -> None:
        self.id = tx_id
        self._session = session
        self._tables: dict[Table, _Rows] = {}
        self._ended = False

    async def fetch(self, wanted: Mapping[Table, Iterable[Key]]) -> None:
        missing = []
        for table, keys in wanted.items():
            read = self._rows(table).read
            if new := [key for key in dict.fromkeys(keys) if key not in read]:
                missing.append((table, new))
        if not missing:
            return
        self._check_open()
        for (table, keys), records in zip(missing, await self._session.rows(missing), strict=True):
            width = table.key_width
            found: dict[Key, Record | None] = dict.fromkeys(keys)
            found.update((record.values[:width], record) for record in records)
            self._tables[table].read.update(found)

    def seen(self, table: Table, key: Key) -> Record | None:
        return self._rows(table).read[key]

    def assume(self, table: Table, key: Key, record: Record | None) -> None:
        self._rows(table).read.setdefault(key, record)

    async def scan(
        self,
        table: Table,
        partition: Key,
        *,
        start: Key | None = None,
        end: Key | None = None,
        limit: int | None = None,
        reverse: bool = False,
    ) -> list[Record]:
        where = [Where(table.partition, "=", partition)]
        if start:
            where.append(Where(table.clustering[: len(start)], ">=", start))
        if end:
            where.append(Where(table.clustering[: len(end)], "<=", end))
        return await self._select(Selection(table, tuple(where), table.clustering, reverse, limit))

    async def scan_index(self, table: Table, column: str, value: Value) -> list[Record]:
        return await self._select(Selection(table, (Where((column,), "=", (value,)),)))

    async def scan_all(self, table: Table, *, limit: int | None = None) -> list[Record]:
        return await self._select(
            Selection(table, order=table.partition + table.clustering, limit=limit)
        )

    def insert(self, table: Table, values: tuple[Value, ...]) -> None:
        rows, key = self._rows(table), values[: table.key_width]
        if key in rows.deleted:
            rows.deleted.remove(key)
            rows.updated[key] = values
        elif key in rows.inserted or key in rows.updated:
            raise ValueError(f"{table.full_name} {key}: inserted twice in one transaction")
        else:
            rows.inserted[key] = values

    def insert_new(self, table: Table, rows: Iterable[tuple[Value, ...]]) -> None:
        self._rows(table).new += rows

    def put(self, table: Table, values: tuple[Value, ...]) -> None:
        rows, key = self._rows(table), values[: table.key_width]
        if key in rows.inserted or rows.read[key] is None:
            rows.inserted[key] = values
        else:
            rows.deleted.discard(key)
            rows.updated[key] = values

    def delete(self, table: Table, key: Key) -> None:
        rows = self._rows(table)
        present = rows.read[key] is not None
        rows.inserted.pop(key, None)
        rows.updated.pop(key, None)
        if present:
            rows.deleted.add(key)

    def discard(self, table: Table, key: Key) -> None:
        self._rows(table).discarded.add(key)

    async def commit(self) -> int:
        self._check_open()
        self._ended = True
        changes = [
            rows.change(table)
            for table, rows in sorted(self._tables.items(), key=lambda item: item[0].full_name)
            if rows.new or rows.inserted or rows.updated or rows.deleted or rows.discarded
        ]
        if not changes:
            return await self._session.end()
        return await self._session.write(self.id, changes)

    async def rollback(self) -> None:
        if not self._ended:
            self._ended = True
            await self._session.end()

    async def _select(self, selection: Selection) -> list[Record]:
        self._check_open()
        read, width = self._rows(selection.table).read, selection.table.key_width
        records = await self._session.select(selection)
        kept = [read.setdefault(record.values[:width], record) for record in records]
        return [record for record in kept if record is not None]

    def _rows(self, table: Table) -> _Rows:
        rows = self._tables.get(table)
        if rows is None:
            rows = self._tables[table] = _Rows()
        return rows

    def _check_open(self) -> None:
        if self._ended:
            raise RuntimeError(f"transaction {self.id} has ended")
