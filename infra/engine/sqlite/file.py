"""One connection to one SQLite file: the blocking calls, run by whoever owns it."""

import json
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from typing import Any, TypeVar

from infra.clock import now_ms
from infra.engine.errors import Conflict, LockedOut
from infra.engine.fitting import refusal
from infra.engine.metadata import mistyped
from infra.engine.sqlite import ddl
from infra.engine.sqlite.connection import Clean, connect
from infra.engine.sqlite.statements import READ_SIZES_KEYS, Statements, write_chunks
from infra.engine.sqlite.trouble import (
    UNBINDABLE,
    is_duplicate,
    no_number,
    translate,
    translate_commit,
)
from infra.engine.storage import Change, Ending, Image, Pending, Selection, lost
from infra.engine.table import COMMITTED, DELETED, PREPARED, Key, Record, Table, Value

T = TypeVar("T")
Fault = Callable[[str], None]

#: How long a statement waits for another writer of the file before LockedOut.
BUSY_WAIT_MS = 5_000


class NotNow(LockedOut):
    """Somebody writes in the file, and the caller has no patience; nothing was done."""


class File:
    """A connection and its statements; after any error it is rolled back and usable."""

    def __init__(
        self,
        path: str,
        *,
        create: bool,
        busy_ms: int,
        clock: Callable[[], int] = now_ms,
        fault: Fault | None = None,
    ) -> None:
        self.clock = clock
        self._busy_ms = busy_ms
        self._fault = fault
        self._statements: dict[Table, Statements] = {}
        self._version: int | None = None
        try:
            self._connection = connect(path, create, busy_ms)
        except sqlite3.Error as error:
            raise translate(error) from error
        self._execute = self._connection.execute
        self._clean = Clean(self._connection)
        self._keep = Clean(self._connection, keep=True)
        #: Called before each write, with its patience.
        self.before_write: Callable[[bool], None] | None = None

    def fetch(
        self, wanted: list[tuple[Table, list[Key]]], pending: list[Pending], begin: str = ""
    ) -> list[list[Record]]:
        """All wanted rows that are committed, table by table, of one moment."""
        with self._reading(begin):
            passing = len(wanted) > 1 and not begin and not self._connection.in_transaction
            self._start_reading("BEGIN" if passing else begin)
            found = [self._rows(table, keys, pending) for table, keys in wanted]
            if passing:
                self._execute("ROLLBACK")
            return found

    def select(
        self, selection: Selection, pending: list[Pending], begin: str = ""
    ) -> list[Record | Pending]:
        with self._reading(begin):
            self._start_reading(begin)
            statements = self._of(selection.table)
            sql, values = statements.select(selection)
            try:
                return self._found(statements, sql, values, pending)
            except UNBINDABLE as error:
                raise refusal(selection.table, [values], error) from error

    def images(self, table: Table, keys: Sequence[Key]) -> dict[Key, Image]:
        """Whole rows, whatever their state."""
        statements = self._of(table)
        found: dict[Key, Image] = {}
        with self._reading(""):
            for size, values in self._key_chunks(statements, list(keys)):
                for row in self._execute(statements.images(size), values).fetchall():
                    image = statements.image(row)
                    found[tuple(image[c] for c in table.keys)] = image
        return found

    def query(self, sql: str, parameters: Sequence[Value], begin: str) -> list[tuple[Any, ...]]:
        with self._reading(begin):
            self._start_reading(begin)
            return self._execute(sql, parameters).fetchall()

    def write(self, tx_id: str, changes: Sequence[Change], patient: bool = True) -> int:
        """Everything in one commit, inside the transaction that is open or in a new one; unless
        `patient`, another writer of the file is NotNow."""
        with self._clean:
            self._start_writing(patient)
            now = self.clock()
            for change in changes:
                self._insert(change.table, change.inserts, tx_id, now, COMMITTED)
                self._update(change, tx_id, now)
                self._delete(change, tx_id, now)
                self._discard(change)
            self._commit()
            return now

    def prepare(self, tx_id: str, changes: Sequence[Change], at: int) -> None:
        with self._clean:
            self._start_writing(True)
            for change in changes:
                self._insert(change.table, change.inserts, tx_id, at, PREPARED)
                self._insert(change.table, change.absent, tx_id, at, DELETED)
                self._update(change, tx_id, at, prepared=True)
                self._delete(change, tx_id, at, prepared=True)
            self._commit()

    def finish(self, tx_id: str, endings: Sequence[Ending], committed_at: int | None) -> None:
        with self._clean:
            self._start_writing(True)
            committed = committed_at is not None
            for table, stay, go in endings:
                statements, width = self._of(table), table.key_width
                for rows in write_chunks(stay, width):
                    sql = statements.stay(len(rows), committed)
                    self._write(statements, sql, rows, [tx_id, committed_at])
                for rows in write_chunks(go, width):
                    self._write(
                        statements, statements.go(len(rows), committed), rows, [tx_id, None]
                    )
            self._commit()

    def put_if_absent(self, table: Table, row: tuple[Value, ...]) -> bool:
        """Insert one row into a plain table."""
        with self._clean:
            self._start_writing(True)
            statements = self._of(table)
            count = self._write(statements, statements.put_if_absent, [row], [])
            self._commit()
            return bool(count)

    def _start_writing(self, patient: bool) -> None:
        if self.before_write:
            self.before_write(patient)
        if not self._connection.in_transaction:
            self._begin("BEGIN IMMEDIATE", patient)

    def _commit(self) -> None:
        if self._fault:
            self._fault("before-commit")
        try:
            self._execute("COMMIT")
            if self._fault:
                self._fault("after-commit")
        except sqlite3.Error as error:
            raise translate_commit(error) from error

    def release(self) -> int:
        with self._clean:
            if self._connection.in_transaction:
                self._execute("ROLLBACK")
            return self.clock()

    def changed(self) -> bool:
        """Whether another connection committed: SQLite counts for each connection the others'."""
        with self._clean:
            before = self._version
            self._version = self._execute("PRAGMA data_version").fetchone()[0]
            return before is None or before != self._version

    def atomically(self, job: Callable[[sqlite3.Connection], T]) -> T:
        """A job of several statements, as one transaction."""
        with self._clean:
            self._begin("BEGIN IMMEDIATE")
            done = job(self._connection)
            self._execute("COMMIT")
            return done

    def describe(self, namespace: str, name: str) -> Table | None:
        """A table as ScalarDB knows it."""
        with self._reading(""):
            return ddl.describe(self._connection, namespace, name)

    def columns(self, table: Table) -> dict[str, str]:
        with self._reading(""):
            return mistyped(*ddl.kinds(self._connection, table))

    def checkpoint(self, mode: str) -> tuple[bool, int, int]:
        """Copies the WAL into the file: (was somebody in the way, pages in the WAL, copied)."""
        with self._clean:
            busy, pages, copied = self._execute(f"PRAGMA wal_checkpoint({mode})").fetchone()
            return bool(busy), pages, copied

    def set(self, pragma: str) -> None:
        with self._clean:
            self._execute(f"PRAGMA {pragma}")

    def close(self) -> None:
        self._connection.close()

    def _of(self, table: Table) -> Statements:
        statements = self._statements.get(table)
        if statements is None:
            statements = self._statements[table] = Statements(table)
        return statements

    def _begin(self, sql: str, patient: bool = True) -> None:
        if self._fault:
            self._fault("begin")
        if patient:
            self._execute(sql)
            return
        self._execute("PRAGMA busy_timeout=0")
        try:
            self._execute(sql)
        except sqlite3.OperationalError as error:
            raise NotNow(str(error)) from error
        finally:
            self._execute(f"PRAGMA busy_timeout={self._busy_ms}")

    def _start_reading(self, begin: str) -> None:
        if begin and not self._connection.in_transaction:
            self._begin(begin)
        if self._fault:
            self._fault("read")

    def _rows(self, table: Table, keys: list[Key], pending: list[Pending]) -> list[Record]:
        statements = self._of(table)
        found: list[Record] = []
        try:
            for size, values in self._key_chunks(statements, keys):
                rows: list[Any] = self._found(statements, statements.read(size), values, pending)
                found += [row for row in rows if type(row) is Record] if pending else rows
        except UNBINDABLE as error:
            raise refusal(table, keys, error) from error
        return found

    def _key_chunks(
        self, statements: Statements, keys: list[Key]
    ) -> Iterable[tuple[int, list[Value]]]:
        """Parameters of reads by key, each for so many keys; what is too much matches nothing."""
        for at in range(0, len(keys), READ_SIZES_KEYS[-1]):
            some = keys[at : at + READ_SIZES_KEYS[-1]]
            size = next(size for size in READ_SIZES_KEYS if size >= len(some))
            values = [*chain.from_iterable(statements.encode(some))]
            values += [None] * (size * statements.table.key_width - len(values))
            yield size, values

    def _found(
        self, statements: Statements, sql: str, values: list[Value], pending: list[Pending]
    ) -> list[Record | Pending]:
        rows = self._execute(sql, values).fetchall()
        if statements.values.packed:
            rows = json.loads(rows[0][0])
        writing = [
            (i, statements.pending(row))
            for i, row in enumerate(rows)
            if row[-2] != COMMITTED and row[-2] is not None and row[-3] is not None
        ]
        records: list[Record | Pending] = [*statements.records(rows)]
        for i, row in writing:
            records[i] = row
            pending.append(row)
        return records

    def _insert(
        self, table: Table, new: list[tuple[Value, ...]], tx_id: str, now: int, state: int
    ) -> None:
        statements = self._of(table)
        for rows in write_chunks(new, len(statements.columns)):
            try:
                self._write(statements, statements.insert(len(rows), state), rows, [tx_id, now])
            except sqlite3.IntegrityError as error:
                if not is_duplicate(error):
                    raise refusal(table, rows, error) from error
                keys = [row[: table.key_width] for row in rows]
                there = next(iter(self.images(table, keys)), keys[0])
                raise lost(table, there, "exists already") from error

    def _update(self, change: Change, tx_id: str, now: int, prepared: bool = False) -> None:
        statements = self._of(change.table)
        for rows in write_chunks(change.updates, len(statements.columns) + 1):
            sql = statements.update(len(rows), prepared)
            if self._write(statements, sql, rows, [tx_id, now]) != len(rows):
                raise self._lost(change.table, rows, tx_id)

    def _delete(self, change: Change, tx_id: str, now: int, prepared: bool = False) -> None:
        statements, width = self._of(change.table), change.table.key_width
        for rows in write_chunks(change.deletes, width + 1):
            sql = statements.delete(len(rows), prepared)
            known: list[Value] = [tx_id, now] if prepared else []
            if self._write(statements, sql, rows, known) != len(rows):
                raise self._lost(change.table, rows, tx_id)

    def _lost(self, table: Table, rows: list[tuple[Value, ...]], tx_id: str) -> Conflict:
        """Which of these rows is not as it was read; they end with the tx_id that was read."""
        width = table.key_width
        there = self.images(table, [row[:width] for row in rows])
        for row in rows:
            image = there.get(row[:width])
            if image is None or image["tx_id"] not in (row[-1], tx_id):
                return lost(table, row[:width], "was changed by another transaction")
        return lost(table, rows[0][:width], "is being written")

    def _discard(self, change: Change) -> None:
        statements = self._of(change.table)
        for rows in write_chunks(change.discards, change.table.key_width):
            self._write(statements, statements.discard(len(rows)), rows, [])

    def _write(
        self, statements: Statements, sql: str, rows: list[tuple[Value, ...]], values: list[Value]
    ) -> int:
        values += chain.from_iterable(statements.encode(rows))
        # SQLite would store U+0000 and then cut the text at it in half of its functions.
        if "\0" in "".join([value for value in values if value.__class__ is str]):
            raise refusal(statements.table, rows, "a value contains U+0000")
        if statements.values.fractions and any(v != v for v in values):
            raise no_number(statements.table, rows)
        try:
            return self._execute(sql, values).rowcount
        except UNBINDABLE as error:
            raise refusal(statements.table, rows, error) from error

    def _reading(self, begin: str) -> Clean:
        # A read that passes by while somebody else holds a transaction must not end that one.
        return self._clean if begin or not self._connection.in_transaction else self._keep
