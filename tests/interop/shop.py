"""One store of the Java side, with a table at hand: what most tests of it want to say shortly."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.interop.java import Java, JavaError

Row = dict[str, Any]


class Transaction:
    """A transaction of the Java side, by its handle."""

    def __init__(self, java: Java, namespace: str, table: str, opened: dict[str, Any]) -> None:
        self._java, self._where = java, {"namespace": namespace, "table": table}
        self.handle, self.id = opened["handle"], opened["tx"]

    def do(self, what: str, **fields: Any) -> Any:
        """An operation on the table, or on that which `table` names."""
        return self._java.ask(what, handle=self.handle, **{**self._where, **fields})

    def end(self, how: str) -> None:
        """prepare, validate, commit or rollback."""
        self._java.ask(how, handle=self.handle)


class Shop:
    """A store and a table of the Java side."""

    def __init__(self, java: Java, store: str, namespace: str, table: str) -> None:
        self.java, self.store, self.namespace, self.table = java, store, namespace, table

    def ask(self, what: str, **fields: Any) -> Any:
        """A command on the store, with the table's name in it."""
        where = {"store": self.store, "namespace": self.namespace, "table": self.table}
        return self.java.ask(what, **{**where, **fields})

    def ask_plain(self, what: str, **fields: Any) -> Any:
        """A command on the store that is about no table."""
        return self.java.ask(what, store=self.store, **fields)

    def create(self, columns: dict[str, str], partition: list[str], **more: Any) -> None:
        self.ask("createTable", columns=columns, partition=partition, **more)

    def begin(self, **fields: Any) -> Transaction:
        opened = self.ask_plain("begin", **fields)
        return Transaction(self.java, self.namespace, self.table, opened)

    def join(self, tx: str) -> Transaction:
        opened = self.ask_plain("join", tx=tx)
        return Transaction(self.java, self.namespace, self.table, opened)

    @contextmanager
    def committed(self, **fields: Any) -> Iterator[Transaction]:
        """A transaction that commits at the end of the block."""
        tx = self.begin(**fields)
        yield tx
        tx.end("commit")

    def get(self, **key: Any) -> Row | None:
        """A row as a transaction of its own sees it."""
        with self.committed(readOnly=True) as tx:
            row: Row | None = tx.do("get", key=key)
        return row


def refusal(tx: Transaction, what: str, **fields: Any) -> str:
    """The class of the error that an operation, or an end, answers."""
    try:
        if what in ("commit", "rollback", "prepare", "validate"):
            tx.end(what)
        else:
            tx.do(what, **fields)
    except JavaError as error:
        return error.kind
    raise AssertionError(f"{what} was not refused")
