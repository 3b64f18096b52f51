"""What a step may do to rows; everything is one transaction with its announcements."""

from collections.abc import Iterable
from datetime import datetime
from typing import Protocol, TypeVar

from domains.row import Row, RowKey
from schemas.message import Timer

R = TypeVar("R", bound=Row)


class Tx(Protocol):
    """The rows of the step's own domain, as of this batch, with what earlier steps wrote."""

    #: The time of the batch (UTC, milliseconds); the same when the batch runs again.
    now: datetime

    def get(self, row: type[R], *key: str | int) -> R | None:
        """One row by its primary key."""

    def get_many(self, row: type[R], keys: Iterable[RowKey]) -> dict[RowKey, R]:
        """Those of the rows that exist; use this, never a loop of `get`."""

    def scan(self, row: type[R], *partition: str | int) -> list[R]:
        """All rows of one partition, in clustering order."""

    def put(self, row: Row) -> None:
        """Insert or replace."""

    def delete(self, row: Row) -> None:
        """Remove."""

    def touch(self, row: Row) -> None:
        """Write a row unchanged, so that nobody else can have changed it meanwhile."""

    def remind(self, timer: Timer, due: datetime) -> None:
        """Deliver `timer` to this domain when `due` has come; count `due` from `tx.now`."""

    def forget(self, timer: Timer, due: datetime) -> None:
        """Take back a timer set with this due time; nothing happens if it is gone."""
