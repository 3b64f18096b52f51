"""One transaction's reads and writes; it remembers rows, since a prepare writes what was before."""

from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from infra.engine.cassandra import scanning, steps
from infra.engine.cassandra.connection import all_of
from infra.engine.cassandra.reading import fetch
from infra.engine.cassandra.statements import record_columns
from infra.engine.cassandra.values import check_rows
from infra.engine.cassandra.writing import write_each, write_whole
from infra.engine.images import is_committed
from infra.engine.storage import Change, Pending, Selection, lost
from infra.engine.table import Key, Record, Table

if TYPE_CHECKING:
    from infra.engine.cassandra.storage import CassandraStorage


class CassandraSession:
    """Holds nothing at Cassandra, which has no locks."""

    def __init__(self, storage: "CassandraStorage") -> None:
        self._storage = storage
        self._connection = storage.connection
        self._seen: dict[Table, dict[Key, steps.Row]] = defaultdict(dict)

    async def rows(
        self, wanted: list[tuple[Table, list[Key]]], pending: list[Pending]
    ) -> list[list[Record]]:
        found = await all_of([self._fetch(table, keys) for table, keys in wanted])
        self._storage.fault("read")
        answer = []
        for (table, _), rows in zip(wanted, found, strict=True):
            taken = [self._taken(table, row, pending) for row in rows]
            answer.append([one for one in taken if isinstance(one, Record)])
        return answer

    async def select(self, selection: Selection, pending: list[Pending]) -> list[Record | Pending]:
        scanning.check(selection)
        if selection.indexed:
            rows, ordered = await self._by_index(selection), False
        else:
            statement, ordered = scanning.plan(selection)
            rows = await self._connection.read(*statement)
        self._storage.fault("read")
        rows = scanning.selected(selection.table, selection.where, rows)
        if not ordered:
            rows = scanning.in_order(selection, rows)
        if not selection.tests:
            rows = rows[: selection.limit]
        return [self._taken(selection.table, row, pending) for row in rows]

    async def write(self, tx_id: str, changes: Sequence[Change]) -> int:
        (change,) = changes
        self._storage.fault("begin")
        _check(changes)
        await self._see(change)
        at = self._storage.clock()
        written = list(steps.one_phase(tx_id, change, self._seen[change.table], at))
        self._storage.fault("before-commit")
        await write_whole(self._connection, change.table, written, tx_id)
        self._storage.fault("after-commit")
        return at

    async def prepare(self, tx_id: str, changes: Sequence[Change], at: int) -> None:
        _check(changes)
        await all_of([self._see(change) for change in changes])
        await all_of(
            [
                write_each(
                    self._connection,
                    change.table,
                    steps.prepare(tx_id, change, self._seen[change.table], at),
                    tx_id,
                )
                for change in changes
            ]
        )

    async def end(self) -> int:
        self._seen.clear()
        return self._storage.clock()

    async def _fetch(self, table: Table, keys: list[Key]) -> list[tuple[Any, ...]]:
        return await fetch(self._connection, table, keys, record_columns(table))

    async def _by_index(self, selection: Selection) -> list[tuple[Any, ...]]:
        assert selection.indexed
        now, *before = scanning.by_index(selection, *selection.indexed)
        found = {self._key(selection, row): row for row in await self._connection.read(*now)}
        for statement in before:
            for row in await self._connection.read(*statement):
                if not is_committed(_named(selection.table, row)):
                    found.setdefault(self._key(selection, row), row)
        return list(found.values())

    def _key(self, selection: Selection, row: tuple[Any, ...]) -> Key:
        return row[: selection.table.key_width]

    def _taken(
        self, table: Table, row: tuple[Any, ...], pending: list[Pending]
    ) -> Record | Pending:
        named, key = _named(table, row), row[: table.key_width]
        if is_committed(named):
            self._seen[table][key] = named
            values = row[: len(table.columns)]
            return Record(values, named["tx_id"], named["tx_version"] or 0)
        pending.append(Pending(table, key, named["tx_id"]))
        return pending[-1]

    async def _see(self, change: Change) -> None:
        """Have what is to be replaced at hand; Conflict if it is no longer what was read."""
        table, seen = change.table, self._seen[change.table]
        width = table.key_width
        expected = {row[:width]: row[-1] for row in (*change.updates, *change.deletes)}
        missing = [
            key for key, tx_id in expected.items() if key not in seen or seen[key]["tx_id"] != tx_id
        ]
        if not missing:
            return
        for row in await self._fetch(table, missing):
            named = _named(table, row)
            if is_committed(named):
                seen[row[:width]] = named
        for key in missing:
            if key not in seen or seen[key]["tx_id"] != expected[key]:
                raise lost(table, key, "was written by another transaction")


def _named(table: Table, row: tuple[Any, ...]) -> dict[str, Any]:
    return dict(zip(record_columns(table), row, strict=True))


def _check(changes: Sequence[Change]) -> None:
    for change in changes:
        whole = [*change.inserts, *(row[:-1] for row in change.updates)]
        check_rows(change.table, [*whole, *change.keys])
