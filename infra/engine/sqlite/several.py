"""Several SQLite files read through one connection."""

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from infra.engine.errors import EngineError, Unavailable, Unreadable
from infra.engine.sqlite.file import BUSY_WAIT_MS
from infra.engine.sqlite.trouble import translate
from infra.engine.table import Value

#: What a damaged store raises, unlike a busy one.
_DAMAGED = {sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


class SqliteSeveral:
    """Each file is a schema of its own name."""

    def __init__(self, connection: sqlite3.Connection, stores: list[str]) -> None:
        self.stores = stores
        self._connection = connection

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Each file is read as of its first read in here."""
        self._connection.execute("BEGIN")
        try:
            yield
        finally:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")

    def rows(self, sql: str, *values: Value) -> Iterator[tuple[Any, ...]]:
        try:
            yield from self._connection.execute(sql, values)
        except sqlite3.Error as error:
            raise _trouble(error) from error

    def called(self, store: str) -> str:
        return f"{store}.db"

    def has(self, store: str, table: str) -> bool:
        sql = f"SELECT 1 FROM \"{store}\".sqlite_master WHERE type = 'table' AND name = ?"
        return any(self.rows(sql, f"{store}${table}"))


@contextmanager
def open_several(files: Mapping[str, Path]) -> Iterator[SqliteSeveral]:
    """What does not fit into the page cache is sorted on disk, so memory stays bounded."""
    connection = sqlite3.connect(
        ":memory:", uri=True, timeout=BUSY_WAIT_MS / 1000, isolation_level=None
    )
    try:
        for name, path in files.items():
            if not path.is_file():
                raise Unavailable(f"{path} does not exist")
            connection.execute(f"ATTACH 'file:{quote(str(path.absolute()))}?mode=rw' AS \"{name}\"")
        connection.execute("PRAGMA query_only=ON")
        yield SqliteSeveral(connection, list(files))
    except sqlite3.Error as error:
        raise translate(error) from error
    finally:
        connection.close()


def _trouble(error: sqlite3.Error) -> EngineError:
    if error.sqlite_errorcode & 0xFF in _DAMAGED:
        return Unreadable(str(error))
    return translate(error)
