"""The tables of the engine's conformance suite, and the shortest ways to fill and read them."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

from infra.engine.engine import Engine
from infra.engine.table import Table, Type

STOCK = Table(
    "shop",
    "stock",
    {"category": Type.TEXT, "product": Type.TEXT, "left": Type.BIGINT, "shelf": Type.TEXT},
    ("category",),
    ("product",),
    ("shelf",),
)
ORDERS = Table("shop", "orders", {"id": Type.TEXT, "state": Type.TEXT}, ("id",))
EVENTS = Table(
    "shop",
    "events",
    {"day": Type.INT, "hour": Type.INT, "at": Type.TIMESTAMPTZ, "text": Type.TEXT},
    ("day",),
    ("hour", "at"),
    descending=frozenset({"hour"}),
)
TYPES = Table(
    "shop",
    "types",
    {
        "id": Type.BLOB,
        "text": Type.TEXT,
        "small": Type.INT,
        "big": Type.BIGINT,
        "flag": Type.BOOLEAN,
        "at": Type.TIMESTAMPTZ,
        "raw": Type.BLOB,
    },
    ("id",),
)
DOUBLES = Table("shop", "doubles", {"id": Type.INT, "d": Type.DOUBLE, "raw": Type.BLOB}, ("id",))
TABLES = [STOCK, ORDERS, EVENTS, TYPES, DOUBLES]
APPLE, PEAR = ("fruit", "apple"), ("fruit", "pear")

#: `async with use(**options) as engine`: an engine with all tables, closed at the end.
Use = Callable[..., AbstractAsyncContextManager[Any]]


async def stored(engine: Engine, *rows: tuple[Any, ...], table: Table = STOCK) -> None:
    transaction = engine.begin()
    for row in rows:
        transaction.insert(table, row)
    await transaction.commit()


async def read(engine: Engine, key: tuple[Any, ...], table: Table = STOCK) -> Any:
    transaction = engine.begin()
    await transaction.fetch({table: [key]})
    return transaction.seen(table, key)


async def values(engine: Engine, key: tuple[Any, ...], table: Table = STOCK) -> Any:
    record = await read(engine, key, table)
    return record and record.values
