"""Reads of every domain's tables, generated from their row classes; each is one snapshot."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from pydantic.alias_generators import to_camel

from domains.row import Row
from infra.engine.table import Key, Record, Type, Value
from streams.codec import Codec
from streams.intake.problem import Problem, not_found
from streams.intake.routes import RESOURCES
from streams.store import Store
from streams.system import System

#: Rows of one page unless the request says otherwise.
PAGE_ROWS = 50
#: Rows of the largest page.
PAGE_MAX_ROWS = 500


class Reads:
    """The rows of one class in one store."""

    def __init__(self, store: Store, row: type[Row]) -> None:
        self.store = store
        self.row = row
        self.codec: Codec[Any] = store.codec(row)
        self.table = self.codec.table
        self._wire = {to_camel(name): name for name in self.table.columns}

    async def one(self, key: Key) -> dict[str, Any]:
        """The row with this primary key; Problem 404 if there is none."""
        async with self.store.reader.begin() as snapshot:
            await snapshot.fetch({self.table: [key]})
            record = snapshot.seen(self.table, key)
        if record is None:
            raise not_found(f"no {self.row.__name__} {'/'.join(map(str, key))}")
        return self._public(record)

    async def by_index(self, column: str, value: str) -> list[dict[str, Any]]:
        """The rows whose indexed column has this value."""
        async with self.store.reader.begin() as snapshot:
            records = await snapshot.scan_index(self.table, column, self._typed(column, value))
        return [self._public(record) for record in records]

    async def under(self, raw_path: str, limit: int) -> dict[str, Any]:
        """One row by its whole key, or a page of those whose key begins so."""
        names = self.table.partition + self.table.clustering
        given = [unquote(part) for part in raw_path.split("/")]
        if len(given) > len(names) or len(given) < len(self.table.partition):
            keys = "/".join(f"{{{to_camel(name)}}}" for name in names)
            raise not_found(f"the key of {self.row.__name__} is {keys}")
        key = tuple(self._typed(n, v) for n, v in zip(names, given, strict=False))
        if len(key) == len(names):
            return await self.one(key)
        return await self._partition(key, limit)

    async def page(self, query: Mapping[str, str], limit: int) -> dict[str, Any]:
        """Rows by partition key or indexed column as the query says, else the first ones."""
        unknown = [name for name in query if name not in self._wire]
        if unknown:
            raise Problem(400, "unknown-parameter", f"no field {unknown[0]}")
        asked = {self._wire[name]: value for name, value in query.items()}
        if not asked:
            return await self._first(limit)
        if tuple(asked) == self.table.partition or set(asked) == set(self.table.partition):
            key = tuple(self._typed(name, asked[name]) for name in self.table.partition)
            return await self._partition(key, limit)
        if len(asked) == 1 and (name := next(iter(asked))) in self.table.indexes:
            rows = await self.by_index(name, asked[name])
            return {"rows": rows[:limit], "more": len(rows) > limit}
        found = [" and ".join(map(to_camel, self.table.partition))]
        found += [to_camel(name) for name in self.table.indexes]
        raise Problem(400, "not-indexed", f"rows are found by {', or by '.join(found)}")

    async def _partition(self, key: Key, limit: int) -> dict[str, Any]:
        width = len(self.table.partition)
        prefix = key[width:] or None
        async with self.store.reader.begin() as snapshot:
            records = await snapshot.scan(
                self.table, key[:width], start=prefix, end=prefix, limit=limit + 1
            )
        return self._some(records, limit)

    async def _first(self, limit: int) -> dict[str, Any]:
        async with self.store.reader.begin() as snapshot:
            records = await snapshot.scan_all(self.table, limit=limit + 1)
        return self._some(records, limit)

    def _some(self, records: list[Record], limit: int) -> dict[str, Any]:
        return {"rows": [self._public(r) for r in records[:limit]], "more": len(records) > limit}

    def _public(self, record: Record) -> dict[str, Any]:
        row: Row = self.codec.decode(record)
        return row.public()

    def _typed(self, column: str, value: str) -> Value:
        if self.table.columns[column] not in (Type.INT, Type.BIGINT):
            return value
        if not value.removeprefix("-").isdecimal() or len(value) > 19:
            raise not_found(f"{to_camel(column)} is a number")
        return int(value)


async def find_resource(system: System, domain: str, id_: str) -> dict[str, Any] | None:
    """The row that stands for a saga of this domain."""
    resource, part = RESOURCES[domain], system.topology.parts[domain]
    row = next(row for row in part.rows if row.spec.table == resource.row)
    rows = await Reads(system.stores[domain], row).by_index(resource.column, id_)
    return rows[0] if rows else None


def limit_of(text: str | None) -> int:
    """How many rows are wanted; Problem 400 if that is no number in range."""
    if text is None:
        return PAGE_ROWS
    if not text.isdecimal() or not 0 < int(text) <= PAGE_MAX_ROWS:
        raise Problem(400, "limit-invalid", f"limit is a number from 1 to {PAGE_MAX_ROWS}")
    return int(text)
