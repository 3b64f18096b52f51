"""A connection to one SQLite file, with this product's settings of durability and memory."""

import sqlite3
from contextlib import suppress
from typing import Any
from urllib.parse import quote

from infra.engine.sqlite.trouble import translate

#: Page cache of the writing connection: enough for the upper levels of every index.
CACHE_KIB = 12_288
#: Page cache of a reading connection: it reads the newest pages, which the system has at hand.
READER_CACHE_KIB = 1_024
#: Prepared statements kept: all tables of a domain in all the sizes they are used in.
STATEMENTS_KEPT = 1_024
#: The WAL is emptied when so much is written: rarely, for a page that changes often is copied once.
WAL_BYTES = 64 * 2**20
#: SQLite cuts a WAL that became longer, because of readers, back to this; a shorter one is kept.
WAL_MAX_BYTES = 2 * WAL_BYTES

_SETTINGS = (
    "journal_mode=WAL",
    "synchronous=FULL",
    "wal_autocheckpoint=0",
    f"journal_size_limit={WAL_MAX_BYTES}",
    "temp_store=MEMORY",
)


class Clean:
    """Whatever fails inside leaves no database transaction open, and speaks the engine's words."""

    def __init__(self, connection: sqlite3.Connection, keep: bool = False) -> None:
        self._connection = connection
        self._keep = keep

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if error is None:
            return
        if self._connection.in_transaction and not self._keep:
            with suppress(sqlite3.Error):  # SQLite may have rolled back by itself
                self._connection.execute("ROLLBACK")
        if isinstance(error, sqlite3.Error):
            raise translate(error) from error


def connect(path: str, create: bool, busy_ms: int) -> sqlite3.Connection:
    """A connection in autocommit mode, with this product's settings of durability and memory."""
    connection = sqlite3.connect(
        f"file:{quote(path)}?mode={'rwc' if create else 'rw'}",
        uri=True,
        timeout=busy_ms / 1000,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=STATEMENTS_KEPT,
    )
    try:
        for setting in _SETTINGS:
            connection.execute(f"PRAGMA {setting}")
        if not create:
            connection.execute("PRAGMA query_only=ON")
        connection.execute(f"PRAGMA cache_size=-{CACHE_KIB if create else READER_CACHE_KIB}")
    except BaseException:
        connection.close()
        raise
    return connection
