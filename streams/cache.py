"""The rows that this process wrote last, so that the next step of a saga need not read them."""

from domains.row import Row, RowKey
from infra.engine.table import Record

#: Rows of one generation; two generations are kept, some 2 KB a row.
GENERATION_MAX_ROWS = 2_000


class RowCache:
    """Bounded, oldest generation dropped first. Every row taken from here is asserted at commit,
    but one that is only read may be stale: to be used only where no other process writes."""

    def __init__(self) -> None:
        self._young: dict[tuple[type[Row], RowKey], tuple[Record, Row]] = {}
        self._old: dict[tuple[type[Row], RowKey], tuple[Record, Row]] = {}

    def get(self, row: type[Row], key: RowKey) -> tuple[Record, Row] | None:
        """The row as this process last wrote it, if it is still known."""
        address = (row, key)
        return self._young.get(address) or self._old.get(address)

    def keep(self, row: type[Row], key: RowKey, record: Record, value: Row) -> None:
        """Remember a committed row."""
        if len(self._young) >= GENERATION_MAX_ROWS:
            self._old, self._young = self._young, {}
        self._young[row, key] = (record, value)

    def drop(self, row: type[Row], key: RowKey) -> None:
        """Forget a row that was deleted."""
        self._young.pop((row, key), None)
        self._old.pop((row, key), None)

    def clear(self) -> None:
        """Forget everything: after a conflict, nothing here can be trusted."""
        self._young.clear()
        self._old.clear()
