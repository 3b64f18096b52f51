"""Orders from a file: one per line, the body of POST /api/orders."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from pydantic import ValidationError
from pydantic_core import from_json, to_json

from schemas.catalogue import explain
from schemas.order import PlaceOrder

#: Ids for orders that bring none, so that the same line at the same place is the same order.
NAMESPACE = uuid5(NAMESPACE_URL, "https://odori.dev/publish")


def orders(
    lines: Iterable[bytes], prefix: str, unreadable: Callable[[int, str], None]
) -> Iterator[PlaceOrder]:
    """The orders of a file; a line that is none is told to `unreadable` and left out."""
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            text = line.decode().strip()
            yield _order(text, f"{prefix}{number}:{text}")
        except UnicodeDecodeError as error:
            unreadable(number, f"is no UTF-8: {error.reason} at byte {error.start + 1}")
        except ValidationError as error:
            wrong = (f"{e['pointer']}: {e['detail']}" for e in explain(error))
            unreadable(number, "; ".join(wrong))
        except ValueError as error:
            unreadable(number, f"is no JSON object: {error}")


def _order(line: str, name: str) -> PlaceOrder:
    body: Any = from_json(line)
    if not isinstance(body, dict):
        raise ValueError(f"it is a {type(body).__name__}")
    body.setdefault("orderId", str(uuid5(NAMESPACE, name)))
    return PlaceOrder.parse(to_json(body))
