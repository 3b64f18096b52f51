"""The port that a database implements: reads of a transaction, and the protocol's four writes."""

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple, Protocol

from infra.engine.errors import Conflict
from infra.engine.table import Key, Record, Table, Value

#: Every stored column of one row by name: the user's, `tx_*` and `before_*`.
Image = Mapping[str, Value]


class Pending(NamedTuple):
    """A row that a transaction was writing when it was read."""

    table: Table
    key: Key
    tx_id: str


def lost(table: Table, key: Key, what: str) -> Conflict:
    """The conflict over one row; who commits makes sure that no dead writer keeps it."""
    conflict = Conflict(f"{table.full_name} {key!r} {what}")
    conflict.place = table, key
    return conflict


class Where(NamedTuple):
    """A condition on leading values of some columns, compared in order like a tuple."""

    columns: tuple[str, ...]
    operator: Literal["=", ">=", "<=", ">", "<"]
    values: Key


class Comparison(NamedTuple):
    """A condition on one column; NULL meets none but `is null`."""

    column: str
    operator: Literal["=", "<>", "<", "<=", ">", ">=", "is null", "is not null"]
    value: Value = None


class Selection(NamedTuple):
    """Rows to be read otherwise than by key.

    With `indexed`, rows whose column has the value, now or in the image before. `tests` are
    alternatives of conditions that a storage may use to leave out committed rows; one that does
    not must ignore the limit, too. A row that is being written is never left out because of them.
    """

    table: Table
    where: tuple[Where, ...] = ()
    order: tuple[str, ...] = ()
    reverse: bool = False
    limit: int | None = None
    indexed: tuple[str, Value] | None = None
    tests: tuple[tuple[Comparison, ...], ...] = ()


class Change(NamedTuple):
    """What a transaction writes to one table, in primary key order.

    Updates are whole rows; they and deletes carry the tx_id that was read as their last value.
    """

    table: Table
    inserts: list[tuple[Value, ...]]
    updates: list[tuple[Value, ...]]
    deletes: list[tuple[Value, ...]]
    #: Keys of rows to be removed unread, whoever wrote them; only ever in a one-phase commit.
    discards: list[Key]
    #: Keys that were absent and must remain so; only ever in a prepare.
    absent: list[Key]

    @property
    def rows(self) -> int:
        """How many rows it touches."""
        return sum(map(len, self[1:]))

    @property
    def keys(self) -> list[Key]:
        """The primary key of every row that it touches."""
        width = self.table.key_width
        rows = (*self.inserts, *self.updates, *self.deletes, *self.discards, *self.absent)
        return [row[:width] for row in rows]


class Ending(NamedTuple):
    """How prepared rows of one table end: some stay, some go.

    At commit what was put stays and what was deleted goes; at rollback what has an image before
    gets it back, and what has none goes.
    """

    table: Table
    stay: list[Key]
    go: list[Key]


class Session(Protocol):
    """What a storage does for one transaction."""

    async def rows(
        self, wanted: list[tuple[Table, list[Key]]], pending: list[Pending]
    ) -> list[list[Record]]:
        """The committed rows among these keys, table by table; the others that exist are added
        to `pending`."""

    async def select(self, selection: Selection, pending: list[Pending]) -> list[Record | Pending]:
        """Rows in the order asked for; each that is being written is in `pending`, too."""

    async def write(self, tx_id: str, changes: Sequence[Change]) -> int:
        """One-phase commit: everything or nothing, committed at once; the commit time in epoch ms.

        Raises Conflict, LockedOut, Unavailable, WriteRefused (nothing was written) or
        UnknownOutcome.
        """

    async def prepare(self, tx_id: str, changes: Sequence[Change], at: int) -> None:
        """Write every row as PREPARED or DELETED with its image before, durably; each only if it
        is as it was read. After an error some may be written, and none is still on its way."""

    async def end(self) -> int:
        """Release what is held without writing; the current time in epoch milliseconds."""


class Storage(Protocol):
    """One database, opened."""

    #: For people, metrics and errors.
    name: str

    @property
    def active(self) -> int:
        """Connections in use."""

    @property
    def late_waits_s(self) -> Sequence[float]:
        """Seconds between looks for a one-phase commit that lost its connection and may yet come
        after a locked read; none where it cannot."""

    def session(self, *, locked: bool = False) -> Session:
        """With `locked`, rows are locked as they are read, until `write`, `prepare` or `end`."""

    def is_one_unit(self, changes: Sequence[Change]) -> bool:
        """Whether this storage writes these changes all or nothing by itself."""

    async def images(self, table: Table, keys: Sequence[Key]) -> dict[Key, Image]:
        """Whole rows as they are on disk now, whatever their state; absent ones are left out."""

    async def finish(self, tx_id: str, endings: Sequence[Ending], committed_at: int | None) -> None:
        """Turn prepared rows of this transaction into committed ones, or without a commit time
        back into what they were. A row that somebody else has finished is left alone."""

    async def plain_rows(self, table: Table, keys: Sequence[Key]) -> list[tuple[Value, ...]]:
        """Rows of a plain table that exist, linearizable."""

    async def put_if_absent(self, table: Table, row: tuple[Value, ...]) -> bool:
        """Insert a row into a plain table; False if there is one."""

    async def describe(self, namespace: str, name: str) -> Table | None:
        """A table as it is on disk; None if ScalarDB would not find it."""

    async def columns(self, table: Table) -> dict[str, str]:
        """The columns that are on disk under this table's name, described or not, each with how its
        type is another than the one declared, or nothing; empty without such a table."""

    async def namespaces(self) -> list[str]:
        """Every namespace that there is, ScalarDB's own left out."""

    async def tables(self, namespace: str) -> list[str]:
        """Names of a namespace's tables."""

    async def create_namespace(self, namespace: str) -> None:
        """Harmless where it is."""

    async def drop_namespace(self, namespace: str) -> None:
        """An empty one; harmless where there is none."""

    async def drop_table(self, table: Table) -> None:
        """With its rows, its indexes and what describes it; harmless where there is none."""

    async def import_table(self, namespace: str, name: str) -> Table:
        """Give an existing table what the protocol needs; its rows count as committed.

        Raises InvalidRequest where that cannot be done.
        """

    async def apply(self, tables: Sequence[Table]) -> None:
        """Create what is missing, with its ScalarDB metadata; SchemaMismatch if a shape differs."""

    async def changed(self) -> bool:
        """Whether another process committed since the last call (cheap; may say yes wrongly)."""

    async def close(self) -> None:
        """Finish what is under way and release the storage."""
