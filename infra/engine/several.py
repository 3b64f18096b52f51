"""The stores of all domains read as one, by plain SQL: for sums and comparisons across them."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Any, Protocol

from infra.engine.table import Value


class Several(Protocol):
    """A connection that can only read. In its SQL `"store$table"` names a table, and `?` a value.

    It may be used from any thread, also while an event loop runs there: it does not await.
    """

    #: The namespaces that are there.
    stores: list[str]

    def snapshot(self) -> AbstractContextManager[None]:
        """Inside, each store is read as of one moment; whatever is read must be inside."""

    def rows(self, sql: str, *values: Value) -> Iterator[tuple[Any, ...]]:
        """The rows of a query, one after the other.

        Raises Unreadable where a store is damaged, else what the engine raises.
        """

    def called(self, store: str) -> str:
        """What a store is called in sentences."""

    def has(self, store: str, table: str) -> bool:
        """Whether a store has this table."""
