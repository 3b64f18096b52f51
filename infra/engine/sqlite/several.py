"""Several SQLite files read through one connection, for sums and comparisons across them."""

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from infra.engine.errors import Unavailable
from infra.engine.sqlite.file import BUSY_WAIT_MS
from infra.engine.sqlite.trouble import translate


@contextmanager
def open_several(files: Mapping[str, Path]) -> Iterator[sqlite3.Connection]:
    """A connection that can only read; each file is a schema of its own name.

    What does not fit into the page cache is sorted on disk, so memory stays bounded.
    """
    connection = sqlite3.connect(
        ":memory:", uri=True, timeout=BUSY_WAIT_MS / 1000, isolation_level=None
    )
    try:
        for name, path in files.items():
            if not path.is_file():
                raise Unavailable(f"{path} does not exist")
            connection.execute(f"ATTACH 'file:{quote(str(path.absolute()))}?mode=rw' AS \"{name}\"")
        connection.execute("PRAGMA query_only=ON")
        yield connection
    except sqlite3.Error as error:
        raise translate(error) from error
    finally:
        connection.close()


@contextmanager
def snapshot(connection: sqlite3.Connection) -> Iterator[None]:
    """Each file is read as of its first read in here."""
    connection.execute("BEGIN")
    try:
        yield
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
