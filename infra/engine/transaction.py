"""ScalarDB's transaction for people: rows as mappings, own writes seen, conditions, scans."""

from collections.abc import Iterable, Mapping, Sequence
from types import TracebackType
from typing import Any, Self

from infra.engine.buffered import BufferedTransaction
from infra.engine.comparing import meets
from infra.engine.conditions import EXISTS, Condition, Exists, asked
from infra.engine.engine import Isolation
from infra.engine.errors import InvalidRequest, Unsatisfied, WriteRefused
from infra.engine.overlapping import check_overlap
from infra.engine.rows import Row, key_of, leading, raw, shown, table_of
from infra.engine.storage import Selection, Where
from infra.engine.table import Key, Record, Table, Value


class Transaction:
    """Commits at the end of `async with`, or rolls back if an exception leaves it.

    Reads see this transaction's own writes, but a scan that could find them is refused, as in
    ScalarDB. Keys are tuples in the table's order, or mappings that hold them.
    """

    def __init__(self, batch: BufferedTransaction) -> None:
        self._batch = batch
        #: Keys by table that were written by `insert`, which may be written by nothing else.
        self._inserted: set[tuple[str, Key]] = set()

    @property
    def id(self) -> str:
        """The transaction's id; with group commit it is final only when the commit begins."""
        return self._batch.id

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None and not self._batch.ended:
            await self._batch.commit()
        else:
            await self._batch.rollback()

    async def commit(self) -> int:
        """Commit; the time in epoch milliseconds. Raises Conflict, UnknownOutcome and others."""
        return await self._batch.commit()

    async def rollback(self) -> None:
        """Forget everything; harmless after the end."""
        await self._batch.rollback()

    # reading

    async def get(self, table: Table, key: Any, where: Condition | None = None) -> Row | None:
        """The row of this key, own writes included; None if there is none, or not such a one."""
        return (await self.get_many(table, [key], where))[0]

    async def get_many(
        self, table: Table, keys: Iterable[Any], where: Condition | None = None
    ) -> list[Row | None]:
        """The rows of these keys in their order, read together."""
        if isinstance(keys, str) or not isinstance(keys, Iterable):
            raise InvalidRequest(f"{table_of(table).full_name}: {keys!r} are no keys; give a list")
        wanted = [key_of(table, key) for key in keys]
        tests = () if where is None else asked(where).of(table)
        found = await self._current(table, wanted)
        rows = [found[key] for key in wanted]
        return [
            shown(table, values) if values is not None and meets(table, values, tests) else None
            for values in rows
        ]

    async def get_by_index(self, table: Table, column: str, value: Any) -> Row | None:
        """The one row whose indexed column has this value; InvalidRequest if there are more."""
        found = await self.scan_index(table, column, value)
        if len(found) > 1:
            raise InvalidRequest(
                f"{table.full_name}.{column} {value!r}: {len(found)} rows; ask with scan_index"
            )
        return found[0] if found else None

    async def scan(
        self,
        table: Table,
        partition: Any,
        *,
        start: Any = None,
        end: Any = None,
        start_inclusive: bool = True,
        end_inclusive: bool = True,
        reverse: bool = False,
        limit: int | None = None,
        where: Condition | None = None,
    ) -> list[Row]:
        """Rows of one partition in clustering order, or in the reverse one.

        `start` and `end` are leading values of the clustering key: rows equal all but the last of
        them, and the last one bounds the range; if both are given they differ in the last only.
        """
        _check_bounds(table_of(table), start, end)
        wheres = [
            Where(table.partition, "=", leading(table, table.partition, partition, whole=True))
        ]
        wheres += _bound(table, start, ">=" if start_inclusive else ">")
        wheres += _bound(table, end, "<=" if end_inclusive else "<")
        selection = Selection(
            table, tuple(dict.fromkeys(wheres)), table.clustering, reverse, _limit(limit)
        )
        return await self._scan(selection, where)

    async def scan_index(
        self,
        table: Table,
        column: str,
        value: Any,
        *,
        limit: int | None = None,
        where: Condition | None = None,
    ) -> list[Row]:
        """Rows whose indexed column has this value, in no order."""
        if column not in table_of(table).indexes:
            known = ", ".join(table.indexes) or "none"
            raise InvalidRequest(f"{table.full_name}.{column} has no index; indexes: {known}")
        indexed = column, raw(table, column, value)
        return await self._scan(Selection(table, indexed=indexed, limit=_limit(limit)), where)

    async def scan_all(
        self, table: Table, *, limit: int | None = None, where: Condition | None = None
    ) -> list[Row]:
        """Every row of the table, in primary key order where the storage has one."""
        self._batch.check_scan_all(table_of(table))
        return await self._scan(Selection(table, order=table.keys, limit=_limit(limit)), where)

    async def _scan(self, selection: Selection, where: Condition | None) -> list[Row]:
        table = selection.table
        tests = () if where is None else asked(where).of(table)
        if tests:
            selection = selection._replace(tests=tests)
        check_overlap(selection, self._batch.work.rows(table))
        records = await self._batch.select(selection)
        check_overlap(selection, self._batch.work.rows(table), records)
        # A row that was read before is shown as it was then, and may not meet the condition so.
        found = (r.values for r in records if meets(table, r.values, tests))
        return [shown(table, values) for values in found]

    # writing

    async def insert(self, table: Table, row: Mapping[str, Any]) -> None:
        """A row that does not exist; if it does, the commit conflicts."""
        values = self._whole(table, row)
        key = values[: table.key_width]
        work = self._batch.work.rows(table)
        if key in work.inserted or key in work.updated:
            raise InvalidRequest(
                f"{table.full_name} {key!r} was written before; insert comes first"
            )
        new = key not in work.deleted
        self._batch.insert(table, values)
        if new:
            self._inserted.add((table.full_name, key))

    async def upsert(self, table: Table, row: Mapping[str, Any]) -> None:
        """Insert the row, or change its columns that are given."""
        key = key_of(table, row)
        self._check_columns(table, key, row)
        current = (await self._current(table, [key]))[key]
        self._batch.put(table, self._merged(table, row, current))

    async def update(self, table: Table, row: Mapping[str, Any], where: Condition = EXISTS) -> None:
        """Change the columns given of a row; nothing happens if there is none.

        With a condition of one's own, Unsatisfied is raised where it does not hold.
        """
        key = key_of(table, row)
        self._check_columns(table, key, row)
        current = (await self._current(table, [key]))[key]
        if where is not EXISTS:
            self._check(table, key, current, where)
        if current is not None:
            self._batch.put(table, self._merged(table, row, current))

    async def put(
        self, table: Table, row: Mapping[str, Any], where: Condition | None = None
    ) -> None:
        """As `upsert`, on a condition: EXISTS, NOT_EXISTS or one on columns."""
        key = key_of(table, row)
        if where is None:
            await self.upsert(table, row)
            return
        self._check_columns(table, key, row)
        current = (await self._current(table, [key]))[key]
        self._check(table, key, current, where)
        self._batch.put(table, self._merged(table, row, current))

    async def delete(self, table: Table, key: Any, where: Condition | None = None) -> None:
        """Remove the row. If there is none, the commit sees to it that there is none then."""
        wanted = key_of(table, key)
        if (table.full_name, wanted) in self._inserted:
            raise InvalidRequest(f"{table.full_name} {wanted!r} was inserted in this transaction")
        current = (await self._current(table, [wanted]))[wanted]
        if where is not None:
            self._check(table, wanted, current, where)
        self._batch.delete(table, wanted)
        if self._batch.seen(table, wanted) is None:
            self._batch.keep_absent(table, wanted)

    # what a row is now

    async def _current(
        self, table: Table, keys: Sequence[Key]
    ) -> dict[Key, tuple[Value, ...] | None]:
        """The values of these rows with this transaction's own writes."""
        work = self._batch.work.rows(table)
        name = table.full_name
        unknown = [key for key in keys if (name, key) not in self._inserted]
        if self._batch.isolation is Isolation.READ_COMMITTED:
            records = await self._batch.look(table, unknown) if unknown else {}
        else:
            await self._batch.fetch({table: unknown})
            records = {key: work.read[key] for key in unknown}
        return {key: _own(work, key, records.get(key)) for key in keys}

    def _whole(self, table: Table, row: Mapping[str, Any]) -> tuple[Value, ...]:
        key = key_of(table, row)
        self._check_columns(table, key, row)
        return key + tuple(raw(table, column, row.get(column)) for column in table.rest)

    def _merged(
        self, table: Table, row: Mapping[str, Any], current: tuple[Value, ...] | None
    ) -> tuple[Value, ...]:
        if current is None:
            return self._whole(table, row)
        old = dict(zip(table.columns, current, strict=True))
        return tuple(
            raw(table, column, row[column]) if column in row else old[column]
            for column in table.columns
        )

    @staticmethod
    def _check_columns(table: Table, key: Key, row: Mapping[str, Any]) -> None:
        try:
            for column, value in row.items():
                raw(table, column, value)
        except (InvalidRequest, WriteRefused) as error:
            raise type(error)(f"{error} (in the row {key!r})") from None

    @staticmethod
    def _check(table: Table, key: Key, current: tuple[Value, ...] | None, where: Condition) -> None:
        if isinstance(where, Exists):
            met = (current is not None) == where.exists
        else:
            tests = asked(where).of(table)
            met = current is not None and meets(table, current, tests)
        if not met:
            raise Unsatisfied(f"{table.full_name} {key!r}: the condition does not hold")


def _own(work: Any, key: Key, record: Record | None) -> tuple[Value, ...] | None:
    if key in work.inserted:
        return work.inserted[key]  # type: ignore[no-any-return]
    if key in work.updated:
        return work.updated[key]  # type: ignore[no-any-return]
    return record.values if record is not None and key not in work.deleted else None


def _bound(table: Table, given: Any, operator: Any) -> list[Where]:
    if given is None:
        return []
    values = leading(table, table.clustering, given)
    if not values:
        raise InvalidRequest(f"{table.full_name}: start and end need a value, or None")
    equal = [Where((c,), "=", (v,)) for c, v in zip(table.clustering, values[:-1], strict=False)]
    return [*equal, Where((table.clustering[len(values) - 1],), operator, (values[-1],))]


def _check_bounds(table: Table, start: Any, end: Any) -> None:
    if start is None or end is None:
        return
    first, last = (leading(table, table.clustering, bound) for bound in (start, end))
    if len(first) != len(last) or first[:-1] != last[:-1]:
        raise InvalidRequest(
            f"{table.full_name}: start {start!r} and end {end!r} may differ in their last value"
            " only; scan the rest of the range by itself"
        )


def _limit(limit: int | None) -> int | None:
    if limit is not None and (type(limit) is not int or limit < 1):
        raise InvalidRequest(f"a limit is a whole number of at least 1, not {limit!r}")
    return limit
