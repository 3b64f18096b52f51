"""A store that cannot be read is named, and its row where that is known."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from streams.books.inside import has

#: What may hold broken JSON, as (table, column, what names the row).
_JSON = (
    ("outbox", "payload", "id"),
    ("reservation", "items", "order_id"),
    ("order", "shipping_address", "order_id"),
)
#: What a damaged store raises, unlike a busy one.
_DAMAGED = {sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


class Unreadable(Exception):
    """A store is damaged: its books cannot be read."""


@contextmanager
def naming(connection: sqlite3.Connection, *stores: str) -> Iterator[None]:
    """Raises Unreadable where one of these stores is damaged."""
    try:
        yield
    except sqlite3.Error as error:
        if error.sqlite_errorcode & 0xFF not in _DAMAGED:
            raise
        place = next(_broken(connection, stores), " or ".join(f"{name}.db" for name in stores))
        raise Unreadable(f"{place}: {error}") from error


def _broken(connection: sqlite3.Connection, stores: tuple[str, ...]) -> Iterator[str]:
    for store in stores:
        for table, column, key in _JSON:
            if not has(connection, store, table):
                continue
            sql = f'SELECT {key} FROM "{store}${table}" WHERE NOT json_valid({column}) LIMIT 1'
            for (row,) in connection.execute(sql):
                yield f"{store}.db, {column} of {row} in {store}${table}"
