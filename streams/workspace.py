"""The batch's view of its rows: reads are asked for set-wise, writes stay here until commit."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, TypeVar, cast

from domains.row import Row, RowKey
from schemas.message import Timer
from streams.codec import Codec
from streams.rows import TimerDue

R = TypeVar("R", bound=Row)
#: Where a row is.
Address = tuple[type[Row], RowKey]

#: One touched row: its key, and it before and after; None where there is no row.
Image = tuple[RowKey, Row | None, Row | None]

#: Stands for what nobody has read: an unwritten key, or the row under a forgotten timer.
UNREAD: Any = object()


class Missing(BaseException):
    """Rows that this pass needs and nobody has read; the pass is discarded and run again.

    A BaseException, so that no step can swallow it.
    """

    def __init__(self, addresses: Iterable[Address] = (), scans: Iterable[Address] = ()) -> None:
        super().__init__()
        self.addresses = list(addresses)
        self.scans = list(scans)


class Workspace:
    """Typed rows for the steps of one batch; implements domains.tx.Tx."""

    def __init__(self, codecs: Mapping[type[Row], Codec[Any]], now: datetime) -> None:
        self.codecs = codecs
        self.now = now
        #: The message being handled, and its trace; timers keep both.
        self.cause, self.traceparent = "", ""
        self._base: dict[type[Row], dict[RowKey, Row | None]] = defaultdict(dict)
        self._supposed: set[Address] = set()
        self._scans: dict[Address, list[RowKey]] = {}
        self._written: dict[type[Row], dict[RowKey, Row | None]] = defaultdict(dict)
        self._journal: list[tuple[type[Row], RowKey, Any]] = []

    # what was read

    def load(self, row: type[Row], key: RowKey, value: Row | None) -> None:
        """Remember what the store says about a row; only a supposition is ever replaced."""
        if self._supposed and (row, key) in self._supposed:
            self._supposed.discard((row, key))
            self._base[row][key] = value
        else:
            self._base[row].setdefault(key, value)

    def suppose(self, row: type[Row], key: RowKey) -> None:
        """Take a row for absent without having looked; writing it proves it, or conflicts."""
        self._base[row][key] = None
        self._supposed.add((row, key))

    def unproven(self) -> list[Address]:
        """What was supposed absent and is not written."""
        written = self._written
        return [(row, key) for row, key in self._supposed if written[row].get(key) is None]

    def absent(self, row: type[Row], key: RowKey) -> bool:
        """Whether the store has no such row."""
        return self._base[row][key] is None

    def load_scan(self, row: type[Row], partition: RowKey, rows: Iterable[Row]) -> None:
        """Remember what the store says about a whole partition."""
        keys = []
        for found in rows:
            keys.append(found.key)
            self.load(row, found.key, found)
        self._scans[row, partition] = keys

    def unread(self, addresses: Iterable[Address]) -> list[Address]:
        """Those of the addresses that nobody has read yet."""
        base = self._base
        return [(row, key) for row, key in addresses if key not in base[row]]

    # passes and savepoints

    def discard(self) -> None:
        """Forget all writes; a new pass begins."""
        self._written.clear()
        self._journal.clear()

    def mark(self) -> int:
        """A savepoint."""
        return len(self._journal)

    def revert(self, mark: int) -> None:
        """Undo the writes since the savepoint."""
        journal = self._journal
        while len(journal) > mark:
            row, key, old = journal.pop()
            if old is UNREAD:
                del self._written[row][key]
            else:
                self._written[row][key] = old

    def images(self) -> Iterator[tuple[type[Row], list[Image]]]:
        """The final images of touched rows by class; rows absent before and after are left out."""
        for row, rows in self._written.items():
            base = self._base[row]
            yield (
                row,
                [
                    (key, before, after)
                    for key, after in rows.items()
                    if (before := base.get(key)) is not None or after is not None
                ],
            )

    # domains.tx.Tx

    def get(self, row: type[R], *key: str | int) -> R | None:
        found = self._written[row].get(key, UNREAD)
        if found is UNREAD:
            found = self._base[row].get(key, UNREAD)
            if found is UNREAD:
                raise Missing([(row, key)])
        return cast("R | None", found)

    def get_many(self, row: type[R], keys: Iterable[RowKey]) -> dict[RowKey, R]:
        written, base, found, missing = self._written[row], self._base[row], {}, []
        for key in keys:
            value = written.get(key, UNREAD)
            if value is UNREAD:
                value = base.get(key, UNREAD)
            if value is UNREAD:
                missing.append((row, key))
            elif value is not None:
                found[key] = value
        if missing:
            raise Missing(missing)
        return found

    def scan(self, row: type[R], *partition: str | int) -> list[R]:
        keys = self._scans.get((row, partition))
        if keys is None:
            raise Missing(scans=[(row, partition)])
        width, written = len(partition), self._written[row]
        mine = {*keys, *(key for key in written if key[:width] == partition)}
        return list(self.get_many(row, sorted(mine)).values())

    def put(self, row: Row) -> None:
        self._write(type(row), row.key, row)

    touch = put

    def delete(self, row: Row) -> None:
        self._write(type(row), row.key, None)

    def remind(self, timer: Timer, due: datetime) -> None:
        self.insert(TimerDue.of(timer, due, self.cause, self.traceparent))

    def forget(self, timer: Timer, due: datetime) -> None:
        address = TimerDue.place(timer, due)
        self._base[TimerDue].setdefault(address, UNREAD)  # deleted unread: timers never change
        self._write(TimerDue, address, None)

    def insert(self, row: Row) -> None:
        """Write a row whose key is known to be new; the primary key decides at commit."""
        kind, key = type(row), row.key
        self._base[kind].setdefault(key, None)
        self._write(kind, key, row)

    def _write(self, row: type[Row], key: RowKey, value: Row | None) -> None:
        if key not in self._base[row]:
            raise Missing([(row, key)])
        written = self._written[row]
        self._journal.append((row, key, written.get(key, UNREAD)))
        written[key] = value
