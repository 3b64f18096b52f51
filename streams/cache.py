"""What this process wrote last, so that the next step of a saga need not read it.

To be used only where no other process writes the same rows.
"""

from collections.abc import Iterable

from domains.row import Row, RowKey
from infra.engine.table import Record
from streams.rows import ParkedHead

#: Rows of one generation of one table; two generations are kept, some 2 KB a row.
GENERATION_MAX_ROWS = 1_000
#: Keys of one generation that are known to exist; two are kept, some 60 bytes a key.
SEEN_MAX_KEYS = 100_000

#: A row as it was committed: its key, and record and row, or None if it was deleted.
Committed = tuple[RowKey, Record | None, Row | None]
Kept = dict[RowKey, tuple[Record, Row]]


class RowCache:
    """Bounded, oldest generation dropped first.

    Every row taken from here is asserted when it is written. A key that was never seen here is
    probably new: that is only a guess, which the primary key, or a look, has to confirm.
    """

    def __init__(self, own: Iterable[type[Row]]) -> None:
        """`own` are the rows that are kept whole; of the others only the keys are remembered."""
        self._young: dict[type[Row], Kept] = {row: {} for row in own}
        self._old: dict[type[Row], Kept] = {row: {} for row in own}
        self._seen: set[int] = set()
        self._seen_before: set[int] = set()
        #: The sagas that have deliveries parked.
        self.parked: set[str] = set()

    def get(self, row: type[Row], key: RowKey) -> tuple[Record, Row] | None:
        """The row as this process last wrote it, if it is still known."""
        young = self._young.get(row)
        if young is None:
            return None
        return young.get(key) or self._old[row].get(key)

    def never_seen(self, row: type[Row], key: RowKey) -> bool:
        """Whether nothing is known of this key, so that the row is probably absent."""
        mark = hash((row, key))
        return mark not in self._seen and mark not in self._seen_before

    def absorb(self, rows: Iterable[tuple[type[Row], list[Committed]]]) -> None:
        """Remember what a commit wrote."""
        for row, committed in rows:
            self._seen.update([hash((row, key)) for key, _, _ in committed])
            young = self._young.get(row)
            if young is not None:
                old = self._old[row]
                for key, record, after in committed:
                    if record is None or after is None:
                        young.pop(key, None)
                        old.pop(key, None)
                    else:
                        young[key] = (record, after)
            elif row is ParkedHead:
                for key, record, _ in committed:
                    (self.parked.discard if record is None else self.parked.add)(str(key[0]))
        self._age()

    def forget(self) -> None:
        """Nobody knows whether a commit happened: what is kept may be older than the store."""
        for kept in (*self._young.values(), *self._old.values()):
            kept.clear()

    def _age(self) -> None:
        if len(self._seen) >= SEEN_MAX_KEYS:
            self._seen_before, self._seen = self._seen, set()
        for row, kept in self._young.items():
            if len(kept) >= GENERATION_MAX_ROWS:
                self._old[row], self._young[row] = kept, {}
