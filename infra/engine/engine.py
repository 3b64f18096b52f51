"""The engine's port for batches: what every binding gives, and what the rest of Odori may use."""

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Protocol

from infra.engine.table import Key, Record, Table, Value


class Isolation(StrEnum):
    """ScalarDB's isolation levels.

    - READ_COMMITTED: the last committed image of each row, never waiting for who writes it;
    - SNAPSHOT: the first answer for a row is kept; a lost update cannot happen, write skew can;
    - SERIALIZABLE: what was read and not written is read again before the commit (EXTRA_READ).
    """

    SNAPSHOT = "SNAPSHOT"
    SERIALIZABLE = "SERIALIZABLE"
    READ_COMMITTED = "READ_COMMITTED"


class Transaction(Protocol):
    """One transaction over one or several tables; every write is conditional on what was read.

    Reads are repeatable: the first answer for a key is kept until the end. A put or delete of a
    key needs an earlier read of it in this transaction (`fetch`, `assume`); `insert` needs none,
    and conflicts at commit if the row exists.
    """

    id: str

    async def fetch(self, wanted: Mapping[Table, Iterable[Key]]) -> None:
        """Read all wanted rows, set-wise, into the read set; keys already read cost nothing.

        Raises Uncommitted while another transaction is writing one of them.
        """

    def seen(self, table: Table, key: Key) -> Record | None:
        """The row as this transaction first read it (not its own writes); None if it was absent.

        Raises KeyError when the key was never fetched.
        """

    def assume(self, table: Table, key: Key, record: Record | None) -> None:
        """Take a row as read without reading it; commit conflicts if it was something else."""

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
        """Rows of one partition in clustering order; `start` and `end` are inclusive prefixes of
        the clustering key, compared by value. What was returned counts as read. Own writes are not
        merged in."""

    async def scan_index(self, table: Table, column: str, value: Value) -> list[Record]:
        """Rows whose indexed column has this value, in no order."""

    async def scan_all(self, table: Table, *, limit: int | None = None) -> list[Record]:
        """Every row of the table, in primary key order."""

    def insert(self, table: Table, values: tuple[Value, ...]) -> None:
        """A row that must not exist yet."""

    def insert_new(self, table: Table, rows: Iterable[tuple[Value, ...]]) -> None:
        """Rows that must not exist yet and that this transaction touches no other way."""

    def put(self, table: Table, values: tuple[Value, ...]) -> None:
        """Insert or replace, according to what was read."""

    def delete(self, table: Table, key: Key) -> None:
        """Remove a row; nothing happens if it was read as absent."""

    def discard(self, table: Table, key: Key) -> None:
        """Remove whatever row is there, unread and unasserted; only for rows nobody else changes
        (a timer that became needless)."""

    async def commit(self) -> int:
        """Write everything in one atomic commit, tables and keys in a fixed order.

        Returns the commit time in epoch milliseconds, the `tx_committed_at` of all rows written.
        Raises Conflict, LockedOut, Unavailable, WriteRefused (nothing was written) or
        UnknownOutcome. A transaction that wrote nothing commits at no cost.
        """

    async def rollback(self) -> None:
        """Forget the writes, release the locks; harmless after the end."""


class Engine(Protocol):
    """One storage or several, opened. `begin` costs nothing until the first read or commit."""

    async def apply(self, tables: Sequence[Table]) -> None:
        """Create what is missing, with its ScalarDB metadata; SchemaMismatch if a shape differs."""

    async def describe(self, namespace: str, name: str) -> Table | None:
        """A table as it is on disk; None if there is none."""

    async def columns(self, table: Table) -> dict[str, str]:
        """The columns that are on disk under this table's name, described or not, each with how its
        type is another than the one declared, or nothing; empty without such a table."""

    def begin(self, *, locked: bool = False, tx_id: str | None = None) -> Transaction:
        """A transaction; with `locked`, rows are locked as they are read, until commit or rollback
        (on SQLite: the whole file), so that it cannot lose to another writer."""

    async def changed(self) -> bool:
        """Whether another process committed since the last call (cheap; may say yes wrongly)."""

    async def close(self) -> None:
        """Finish what is under way and release the storage."""
