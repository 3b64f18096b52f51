"""The transaction over any storages: what was read is kept, and writes wait until commit."""

from collections.abc import Iterable, Mapping
from time import perf_counter
from typing import TYPE_CHECKING

from infra.engine.engine import Isolation
from infra.engine.errors import Conflict, InvalidRequest
from infra.engine.metrics import METRICS
from infra.engine.reading import select
from infra.engine.storage import Change, Pending, Selection, Session, Storage, Where
from infra.engine.table import Key, Record, Table, Value
from infra.engine.workset import Rows, Scanned, Workset

if TYPE_CHECKING:
    from infra.engine.consensus import ConsensusCommit


class BufferedTransaction:
    """A `Transaction`; how it commits is the business of the engine that began it."""

    def __init__(
        self,
        engine: "ConsensusCommit",
        tx_id: str,
        isolation: Isolation,
        *,
        locked: bool = False,
        read_only: bool = False,
    ) -> None:
        self.id = tx_id
        self.isolation = isolation
        self.read_only = read_only
        self.work = Workset()
        self._engine = engine
        self._locked = locked
        self._sessions: dict[Storage, Session] = {}
        self.ended = False

    # reading

    async def fetch(self, wanted: Mapping[Table, Iterable[Key]]) -> None:
        missing = []
        for table, keys in wanted.items():
            read = self.work.rows(table).read
            if new := [key for key in dict.fromkeys(keys) if key not in read]:
                missing.append((table, new))
        if missing:
            self.check_open()
            await self._look(missing)

    async def look(self, table: Table, keys: list[Key]) -> dict[Key, Record | None]:
        """The rows as they are now, asked for again; the read set keeps the first answers."""
        self.check_open()
        return (await self._look([(table, keys)]))[0]

    async def _look(self, wanted: list[tuple[Table, list[Key]]]) -> list[dict[Key, Record | None]]:
        await self.check_tables([table for table, _ in wanted])
        begun = perf_counter()
        answers: list[dict[Key, Record | None]] = []
        pending: list[Pending] = []
        storage = self._engine.storage_of(wanted[0][0])
        if all(self._engine.storage_of(table) is storage for table, _ in wanted):
            found = await self.session(storage).rows(wanted, pending)
        else:  # several storages, one after the other
            found = []
            for table, keys in wanted:
                session = self.session(self._engine.storage_of(table))
                found += await session.rows([(table, keys)], pending)
        for (table, keys), records in zip(wanted, found, strict=True):
            width = table.key_width
            rows: dict[Key, Record | None] = dict.fromkeys(keys)
            rows.update((record.values[:width], record) for record in records)
            answers.append(rows)
        if pending:
            resolved = await self._resolve(pending)
            for (table, _), rows in zip(wanted, answers, strict=True):
                rows.update((key, r) for (t, key), r in resolved.items() if t is table)
        METRICS.took(wanted[0][0].namespace, "get", begun)
        for (table, _), rows in zip(wanted, answers, strict=True):
            read = self.work.rows(table).read
            if read:
                for key, record in rows.items():
                    read.setdefault(key, record)
            else:
                read.update(rows)
        return answers

    def seen(self, table: Table, key: Key) -> Record | None:
        return self.work.rows(table).read[key]

    def assume(self, table: Table, key: Key, record: Record | None) -> None:
        self.work.rows(table).read.setdefault(key, record)

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
        return await self.select(Selection(table, tuple(where), table.clustering, reverse, limit))

    async def scan_index(self, table: Table, column: str, value: Value) -> list[Record]:
        return await self.select(Selection(table, indexed=(column, value)))

    async def scan_all(self, table: Table, *, limit: int | None = None) -> list[Record]:
        self.check_scan_all(table)
        return await self.select(Selection(table, order=table.keys, limit=limit))

    async def select(self, selection: Selection) -> list[Record]:
        """What a scan finds, as this transaction first read it."""
        self.check_open()
        begun = perf_counter()
        rows = self.work.rows(selection.table)
        await self.check_tables([selection.table])
        session = self.session(self._engine.storage_of(selection.table))
        records = await select(session, selection, self._resolve)
        METRICS.took(selection.table.namespace, "scan", begun)
        if self.isolation is Isolation.SERIALIZABLE:
            width = selection.table.key_width
            found = [(record.values[:width], record.tx_id) for record in records]
            self.work.scans.append(Scanned(selection, found))
        return self._kept(rows, selection.table.key_width, records)

    def _kept(self, rows: Rows, width: int, records: list[Record]) -> list[Record]:
        if self.isolation is Isolation.READ_COMMITTED:
            for record in records:
                rows.read.setdefault(record.values[:width], record)
            return records
        read = rows.read
        kept = [read.setdefault(record.values[:width], record) for record in records]
        return [record for record in kept if record is not None]

    async def _resolve(self, pending: list[Pending]) -> dict[tuple[Table, Key], Record | None]:
        """The committed images of rows that others are writing; whoever died is finished."""
        if not self._locked:
            return await self._engine.recovery.resolve(pending, self.isolation, self.read_only)
        # Its own locks would keep the recovery from these rows for ever.
        self.ended = True
        await self.release()
        await self._engine.recovery.resolve(pending, self.isolation, self.read_only)
        table, key, tx_id = pending[0]
        raise Conflict(f"{table.full_name} {key!r}: transaction {tx_id} was writing it")

    # writing

    def insert(self, table: Table, values: tuple[Value, ...]) -> None:
        rows, key = self._to_write(table), values[: table.key_width]
        if key in rows.deleted:
            rows.deleted.remove(key)
            rows.updated[key] = values
        elif key in rows.inserted or key in rows.updated:
            raise ValueError(f"{table.full_name} {key}: inserted twice in one transaction")
        else:
            rows.absent.discard(key)
            rows.inserted[key] = values

    def insert_new(self, table: Table, rows: Iterable[tuple[Value, ...]]) -> None:
        self._to_write(table).new += rows

    def put(self, table: Table, values: tuple[Value, ...]) -> None:
        rows, key = self._to_write(table), values[: table.key_width]
        if key in rows.inserted or rows.read[key] is None:
            rows.absent.discard(key)
            rows.inserted[key] = values
        else:
            rows.deleted.discard(key)
            rows.updated[key] = values

    def delete(self, table: Table, key: Key) -> None:
        rows = self._to_write(table)
        present = rows.read[key] is not None
        rows.inserted.pop(key, None)
        rows.updated.pop(key, None)
        if present:
            rows.deleted.add(key)

    def keep_absent(self, table: Table, key: Key) -> None:
        """Have the commit conflict if a row that was read as absent exists by then."""
        self._to_write(table).absent.add(key)

    def discard(self, table: Table, key: Key) -> None:
        self._to_write(table).discarded.add(key)

    def _to_write(self, table: Table) -> Rows:
        if self.read_only:
            raise InvalidRequest(f"transaction {self.id} is read-only; it writes no {table.name}")
        self.check_open()
        return self.work.rows(table)

    # the end

    def close(self) -> None:
        """No reads and writes any more."""
        self.check_open()
        self.ended = True

    async def commit(self) -> int:
        self.close()
        with METRICS.commit(self.work.written()):
            await self._check_written()
            return await self._engine.committing.commit(self)

    async def rollback(self) -> None:
        if not self.ended:
            self.ended = True
            await self.release()

    async def write(self, storage: Storage, changes: list[Change]) -> int:
        """Commit in one phase; whatever was only read elsewhere is released."""
        session = self.session(storage)
        for other in self._sessions.values():
            if other is not session:
                await other.end()
        return await session.write(self.id, changes)

    async def read_discards(self) -> None:
        """Make deletes of the discards: who prepares a row has to know what it replaces."""
        for table, rows in self.work.tables.items():
            if rows.discarded:
                found = (await self._look([(table, list(rows.discarded))]))[0]
                rows.deleted |= {key for key, record in found.items() if record}
                rows.discarded.clear()

    async def release(self) -> int:
        """Give back what the storages hold for this transaction; the time in epoch ms."""
        if not self._sessions:
            return self._engine.clock()
        return max([await session.end() for session in self._sessions.values()])

    def session(self, storage: Storage) -> Session:
        """This transaction's way to a storage."""
        session = self._sessions.get(storage)
        if session is None:
            session = self._sessions[storage] = storage.session(locked=self._locked)
        return session

    async def _check_written(self) -> None:
        try:
            await self.check_tables(self.work.tables)
        except BaseException:
            await self.release()
            raise

    async def check_tables(self, tables: Iterable[Table]) -> None:
        """SchemaMismatch if one of them is not on disk as declared."""
        known = self._engine.declarations.known
        for table in tables:
            if table not in known:
                await self._engine.declarations.check(table)

    def check_scan_all(self, table: Table) -> None:
        """InvalidRequest where the settings forbid a scan over all partitions."""
        if not self._engine.scan_all:
            raise InvalidRequest(
                f"{table.full_name}: scalar.db.cross_partition_scan.enabled=false forbids a scan"
                " of all partitions"
            )

    def check_open(self) -> None:
        if self.ended:
            raise InvalidRequest(f"transaction {self.id} has ended; begin another one")
