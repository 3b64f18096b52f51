"""Rows in the hands of a transaction that stopped, and what whoever resolves them must make of it:
SCALARDB-LIVE's sections 4 and 5 as a model, column by column."""

from itertools import product
from typing import Any, NamedTuple

from infra.engine.table import (
    ABORTED,
    BEFORE,
    COMMITTED,
    DELETED,
    PREPARED,
    TX_COLUMNS,
    Table,
    Type,
)
from tests.interop.matrix.cells import ACTS, LEFT_OPERATIONS, STANDS

Row = dict[str, Any]
Answer = list[Row] | str

COLUMNS = {"pk": Type.TEXT, "ck": Type.INT, "v": Type.INT, "tag": Type.TEXT, "note": Type.TEXT}
#: Longer ago than a transaction lives.
LONG_AGO_MS = 20_000


class Stand(NamedTuple):
    """The coordinator's rows: of the group (`parent`) and of the transaction itself (`full`)."""

    #: Committed, aborted, or None where nobody may decide yet.
    decided: bool | None
    grouped: bool = False
    parent: int | None = None
    lists_it: bool = False
    full: int | None = None
    expired: bool = False


_MODEL = {
    "committed": Stand(True, full=COMMITTED),
    "aborted": Stand(False, full=ABORTED),
    "undecided": Stand(None),
    "expired": Stand(False, expired=True),
    "group committed": Stand(True, True, parent=COMMITTED, lists_it=True),
    "group aborted": Stand(False, True, parent=ABORTED, full=ABORTED),
    "group delayed": Stand(True, True, parent=COMMITTED, full=COMMITTED),
    "group's row aborted": Stand(None, True, parent=ABORTED),
    "group expired": Stand(False, True, expired=True),
    "group went without it, expired": Stand(False, True, parent=COMMITTED, expired=True),
}
assert tuple(_MODEL) == STANDS


class Left(NamedTuple):
    """One row, what was done to it, and how its transaction stands."""

    pk: str
    act: str
    stand: str
    tx_id: str
    ck: int = 1

    @property
    def state(self) -> str:
        """The matrix's name of it."""
        return f"{self.act}, {self.stand}"

    @property
    def key(self) -> tuple[str, int]:
        return self.pk, self.ck

    @property
    def name(self) -> str:
        """What is in no other row."""
        return f"{self.pk} {self.ck}"

    @property
    def how(self) -> Stand:
        return _MODEL[self.stand]

    @property
    def old(self) -> Row | None:
        """As it was, and as an abort leaves it."""
        if self.act not in ("update", "delete"):
            return None
        return {"pk": self.pk, "ck": self.ck, "v": 1, "tag": f"old {self.name}", "note": "kept"}

    @property
    def new(self) -> Row | None:
        """As a commit leaves it."""
        if self.act not in ("update", "insert"):
            return None
        note = "kept" if self.act == "update" else None
        return {"pk": self.pk, "ck": self.ck, "v": 2, "tag": f"new {self.name}", "note": note}

    @property
    def resolved(self) -> Row | None:
        """As it is for everybody in the end."""
        return self.new if self.how.decided else self.old

    def seen(self, isolation: str) -> Answer:
        """What a transaction that reads the row is told."""
        if isolation == "READ_COMMITTED":
            row = self.old
        elif self.how.decided is None:
            return "uncommitted"
        else:
            row = self.resolved
        return [row] if row else []

    def seen_by_index(self, isolation: str, python: bool) -> list[Answer]:
        """What a look for the tag is told that the row had, or if it was new, shall have.

        At READ_COMMITTED Java finishes the row while it looks, and may see either.
        """
        if self.act == "delete of nothing":
            return [[]]
        if isolation == "READ_COMMITTED":
            rows = [self.old, self.resolved] if not python else [self.old]
            answers: list[Answer] = [
                [row] if row and row["tag"] == self.tag else [] for row in rows
            ]
            return answers if python or not self.old else [*answers, "uncommitted"]
        if self.how.decided is None:
            return ["uncommitted"]
        return [self._tagged(self.resolved)]

    def _tagged(self, row: Row | None) -> list[Row]:
        return [row] if row and row["tag"] == self.tag else []

    @property
    def tag(self) -> str:
        """A value of the index under which the row is found while nothing is decided."""
        return f"{'new' if self.act == 'insert' else 'old'} {self.name}"

    def ends(self, isolation: str, python: bool) -> str:
        """What a transaction is told that has read the row, or could not, and writes it then."""
        if self.how.decided is None:
            # Python's write reads a row it has not seen; Java's commit does, and tells less.
            unread = isolation != "READ_COMMITTED"
            return "uncommitted" if python and unread else "conflict"
        surprised = isolation == "READ_COMMITTED" and self.resolved != self.old
        return "conflict" if surprised else "committed"


class Before(NamedTuple):
    """What was on disk: committed rows, prepared ones, and the coordinator's."""

    committed: dict[Any, Row]
    prepared: dict[Any, Row]
    decisions: dict[str, Row]


def lefts(
    number: str, ids: dict[str, str], stands: tuple[str, ...], *, together: bool
) -> list[Left]:
    """A row for each state, in a partition of its own or all in one; rows of one stand share a
    transaction."""
    states = list(enumerate(product(stands, ACTS), start=1))
    if together:
        return [Left(number, act, stand, ids[stand], ck) for ck, (stand, act) in states]
    return [Left(f"{number} {act}, {stand}", act, stand, ids[stand]) for _, (stand, act) in states]


def prepared_row(table: Table, left: Left, committed: dict[Any, Row], at: int) -> Row:
    """The row on disk as a transaction leaves it that has prepared at this time."""
    old = committed.get(left.key)
    after = left.new or left.old or {}
    image = {c: (old or {}).get(c) for c in (*TX_COLUMNS, *table.rest)}
    return {
        **{column: after.get(column) for column in table.columns},
        **dict(zip(table.keys, left.key, strict=True)),
        "tx_id": left.tx_id,
        "tx_state": PREPARED if left.new else DELETED,
        "tx_version": (old["tx_version"] if old else 0) + 1,
        "tx_prepared_at": at,
        "tx_committed_at": old and old["tx_committed_at"],
        **{BEFORE + column: value for column, value in image.items()},
    }


def resolves(left: Left, isolation: str, operation: str) -> bool:
    """Whether this look at the row finishes it."""
    looks = isolation == "READ_COMMITTED" and operation == "get read-only"
    unseen = operation == "index" and left.act == "delete of nothing"
    return left.how.decided is not None and not looks and not unseen


def resolved_row(left: Left, before: Before) -> Row | None:
    """The row on disk when it is finished."""
    if not left.how.decided:
        return before.committed.get(left.key)
    if left.new is None:
        return None
    decided = before.decisions[left.tx_id if left.how.full else left.tx_id[:24]]
    image = before.prepared[left.key]
    return {
        **{c: None if c.startswith(BEFORE) else value for c, value in image.items()},
        "tx_state": COMMITTED,
        "tx_committed_at": decided["tx_created_at"],
    }


def written_row(table: Table, left: Left, base: Row | None, mine: Row, writer: Row) -> Row:
    """The row on disk that whoever resolved it wrote then; `writer` is its coordinator's row."""
    empty: Row = dict.fromkeys(table.stored)
    return {
        **empty,
        "pk": left.pk,
        "ck": left.ck,
        **{c: (base or {}).get(c) for c in table.rest},
        "v": 99,
        "tx_id": writer["tx_id"],
        "tx_state": COMMITTED,
        "tx_version": (base["tx_version"] if base else 0) + 1,
        "tx_prepared_at": mine["tx_prepared_at"],
        "tx_committed_at": writer["tx_created_at"],
    }


def added_decisions(left: Left) -> set[str]:
    """Ids that are written as ABORTED when the row is finished."""
    stand = left.how
    if not stand.expired:
        return set()
    parents = {left.tx_id[:24]} if stand.grouped and stand.parent is None else set()
    return {left.tx_id} | parents


assert set(LEFT_OPERATIONS) >= {"get read-only", "upsert", "delete"}
