"""A store that cannot be read is named, and its row where that is known."""

import json
from collections.abc import Iterator
from contextlib import contextmanager

from infra.engine.errors import Unreadable
from infra.engine.several import Several

#: What may hold broken JSON, as (table, column, what names the row).
_JSON = (
    ("outbox", "payload", "id"),
    ("reservation", "items", "order_id"),
    ("order", "shipping_address", "order_id"),
)


@contextmanager
def naming(several: Several, *stores: str) -> Iterator[None]:
    """Raises Unreadable, with the place, where one of these stores is damaged."""
    try:
        yield
    except Unreadable as error:
        place = next(_broken(several, stores), " or ".join(map(several.called, stores)))
        raise Unreadable(f"{place}: {error}") from error


def _broken(several: Several, stores: tuple[str, ...]) -> Iterator[str]:
    for store in stores:
        for table, column, key in _JSON:
            if not several.has(store, table):
                continue
            for name, text in several.rows(f'SELECT {key}, {column} FROM "{store}${table}"'):
                if not _is_json(text):
                    yield f"{several.called(store)}, {column} of {name} in {store}${table}"


def _is_json(text: str | None) -> bool:
    try:
        json.loads(text or "null")
    except ValueError:
        return False
    return True
