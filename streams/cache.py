"""What this process wrote last, so that the next step of a saga need not read it.

To be used only where no other process writes the same rows.
"""

from domains.row import Row, RowKey
from infra.engine.table import Record
from streams.rows import ParkedHead

#: Rows of one generation; two generations are kept, some 2 KB a row.
GENERATION_MAX_ROWS = 2_000
#: Keys of one generation that are known to exist; two are kept, some 60 bytes a key.
SEEN_MAX_KEYS = 100_000

Address = tuple[type[Row], RowKey]


class RowCache:
    """Bounded, oldest generation dropped first.

    Every row taken from here is asserted when it is written. A key that was never seen here is
    probably new: that is only a guess, which the primary key, or a look, has to confirm.
    """

    def __init__(self) -> None:
        self._young: dict[Address, tuple[Record, Row]] = {}
        self._old: dict[Address, tuple[Record, Row]] = {}
        self._seen: set[int] = set()
        self._seen_before: set[int] = set()
        #: The sagas that have deliveries parked.
        self.parked: set[str] = set()

    def get(self, address: Address) -> tuple[Record, Row] | None:
        """The row as this process last wrote it, if it is still known."""
        return self._young.get(address) or self._old.get(address)

    def never_seen(self, address: Address) -> bool:
        """Whether nothing is known of this key, so that the row is probably absent."""
        mark = hash(address)
        return mark not in self._seen and mark not in self._seen_before

    def written(self, address: Address, record: Record | None, row: Row | None, own: bool) -> None:
        """A commit wrote this row, or deleted it (None); `own` rows are kept whole."""
        if address[0] is ParkedHead:
            (self.parked.add if row is not None else self.parked.discard)(str(address[1][0]))
        if len(self._seen) >= SEEN_MAX_KEYS:
            self._seen_before, self._seen = self._seen, set()
        self._seen.add(hash(address))
        if not own:
            return
        if record is None or row is None:
            self._young.pop(address, None)
            self._old.pop(address, None)
            return
        if len(self._young) >= GENERATION_MAX_ROWS:
            self._old, self._young = self._young, {}
        self._young[address] = (record, row)
