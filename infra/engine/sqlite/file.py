"""One connection to one SQLite file: the blocking calls, run by whoever owns it."""

import json
import sqlite3
import time
from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any

from infra.engine.buffered import Change, Selection
from infra.engine.errors import Conflict, LockedOut
from infra.engine.sqlite.connection import Clean, connect
from infra.engine.sqlite.statements import (
    COMMITTED,
    READ_SIZES_KEYS,
    Statements,
    write_chunks,
)
from infra.engine.sqlite.trouble import (
    UNBINDABLE,
    is_duplicate,
    refusal,
    translate,
    translate_commit,
)
from infra.engine.table import Key, Record, Table, Value

Fault = Callable[[str], None]

#: How long a statement waits for another writer of the file before LockedOut.
BUSY_WAIT_MS = 5_000


class NotNow(LockedOut):
    """Somebody writes in the file, and the caller has no patience; nothing was done."""


def now_ms() -> int:
    return time.time_ns() // 1_000_000


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

    def fetch(self, wanted: list[tuple[Table, list[Key]]], begin: str = "") -> list[list[Record]]:
        """All wanted rows that exist, table by table, of one moment."""
        with self._reading(begin):
            passing = len(wanted) > 1 and not begin and not self._connection.in_transaction
            self._start_reading("BEGIN" if passing else begin)
            found = [self._rows(table, keys) for table, keys in wanted]
            if passing:
                self._execute("ROLLBACK")
            return found

    def select(self, selection: Selection, begin: str = "") -> list[Record]:
        with self._reading(begin):
            self._start_reading(begin)
            statements = self._of(selection.table)
            sql, values = statements.select(selection)
            try:
                return self._records(statements, sql, values)
            except UNBINDABLE as error:
                raise refusal(selection.table, [values], error) from error

    def query(self, sql: str, parameters: Sequence[Value], begin: str) -> list[tuple[Any, ...]]:
        with self._reading(begin):
            self._start_reading(begin)
            return self._execute(sql, parameters).fetchall()

    def write(self, tx_id: str, changes: Sequence[Change], patient: bool = True) -> int:
        """Everything in one commit, inside the transaction that is open or in a new one; unless
        `patient`, another writer of the file is NotNow."""
        with self._clean:
            if self.before_write:
                self.before_write(patient)
            if not self._connection.in_transaction:
                self._begin("BEGIN IMMEDIATE", patient)
            now = self.clock()
            for change in changes:
                self._insert(change, tx_id, now)
                self._update(change, tx_id, now)
                self._delete(change)
                self._discard(change)
            if self._fault:
                self._fault("before-commit")
            try:
                self._execute("COMMIT")
                if self._fault:
                    self._fault("after-commit")
            except sqlite3.Error as error:
                raise translate_commit(error) from error
            return now

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

    def atomically(self, job: Callable[[sqlite3.Connection], None]) -> None:
        """A job of several statements, as one transaction."""
        with self._clean:
            self._begin("BEGIN IMMEDIATE")
            job(self._connection)
            self._execute("COMMIT")

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

    def _rows(self, table: Table, keys: list[Key]) -> list[Record]:
        statements, found = self._of(table), []
        for at in range(0, len(keys), READ_SIZES_KEYS[-1]):
            some = keys[at : at + READ_SIZES_KEYS[-1]]
            size = next(size for size in READ_SIZES_KEYS if size >= len(some))
            values = [*chain.from_iterable(statements.encode(some))]
            values += [None] * (size * table.key_width - len(values))
            try:
                found += self._records(statements, statements.read(size), values)
            except UNBINDABLE as error:
                raise refusal(table, some, error) from error
        return found

    def _records(self, statements: Statements, sql: str, values: list[Value]) -> list[Record]:
        rows = self._execute(sql, values).fetchall()
        if statements.packed:
            rows = json.loads(rows[0][0])
        for row in rows:
            if row[-2] != COMMITTED and row[-2] is not None and row[-3] is not None:
                key = tuple(row[: statements.table.key_width])
                raise Conflict(
                    f"{statements.table.full_name} {key!r}: transaction {row[-3]} is writing it"
                )
        return statements.records(rows)

    def _insert(self, change: Change, tx_id: str, now: int) -> None:
        statements = self._of(change.table)
        for rows in write_chunks(change.inserts, len(statements.columns)):
            try:
                self._write(statements, statements.insert(len(rows)), rows, [tx_id, now])
            except sqlite3.IntegrityError as error:
                if not is_duplicate(error):
                    raise refusal(change.table, rows, error) from error
                keys = [row[: change.table.key_width] for row in rows]
                there = [record.values[: len(keys[0])] for record in self._rows(change.table, keys)]
                raise self._conflict(change.table, there, "exists already") from error

    def _update(self, change: Change, tx_id: str, now: int) -> None:
        statements, width = self._of(change.table), change.table.key_width
        for rows in write_chunks(change.updates, len(statements.columns) + 1):
            sql = statements.update(len(rows))
            if self._write(statements, sql, rows, [tx_id, now]) != len(rows):
                keys = [row[:width] for row in rows]
                records = self._rows(change.table, keys)
                mine = {r.values[:width] for r in records if r.tx_id == tx_id}
                lost = [key for key in keys if key not in mine]
                raise self._conflict(change.table, lost, "was changed by another transaction")

    def _delete(self, change: Change) -> None:
        statements, width = self._of(change.table), change.table.key_width
        for rows in write_chunks(change.deletes, width + 1):
            if self._write(statements, statements.delete(len(rows)), rows, []) != len(rows):
                keys = [row[:width] for row in rows]
                there = [record.values[:width] for record in self._rows(change.table, keys)]
                raise self._conflict(
                    change.table, there or keys, "was changed or deleted by another transaction"
                )

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
        try:
            return self._execute(sql, values).rowcount
        except UNBINDABLE as error:
            raise refusal(statements.table, rows, error) from error

    def _conflict(self, table: Table, keys: list[Key], what: str) -> Conflict:
        return Conflict(f"{table.full_name} {keys[0]!r} {what}" if keys else table.full_name)

    def _reading(self, begin: str) -> Clean:
        # A read that passes by while somebody else holds a transaction must not end that one.
        return self._clean if begin or not self._connection.in_transaction else self._keep
