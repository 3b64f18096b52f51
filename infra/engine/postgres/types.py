"""ScalarDB's types in PostgreSQL, and the ways between its times and the engine's numbers."""

from collections.abc import Callable
from typing import Any

import asyncpg

from infra.engine.table import Table, Type

#: The type of a TEXT column that is a key or has an index; ScalarDB's choice.
KEY_TEXT = "VARCHAR(10485760)"
#: PostgreSQL counts its days and microseconds from 2000-01-01.
EPOCH_DAYS = 10_957
EPOCH_MS = EPOCH_DAYS * 86_400_000
MICROS_OF_MS = 1_000

#: What a parameter of each type is cast to, and how a column of it is declared.
NAMES = {
    Type.BOOLEAN: "boolean",
    Type.INT: "integer",
    Type.BIGINT: "bigint",
    Type.FLOAT: "real",
    Type.DOUBLE: "double precision",
    Type.TEXT: "text",
    Type.BLOB: "bytea",
    Type.DATE: "date",
    Type.TIME: "time without time zone",
    Type.TIMESTAMP: "timestamp without time zone",
    Type.TIMESTAMPTZ: "timestamp with time zone",
}

Codec = tuple[Callable[[int], tuple[int]], Callable[[tuple[int]], int]]


def declared(table: Table, column: str) -> str:
    """The type of a column as ScalarDB creates it."""
    kind = table.stored[column]
    keyed = column in table.keys or column in table.indexed
    return KEY_TEXT if kind is Type.TEXT and keyed else NAMES[kind]


def _shift(by: int, times: int) -> Codec:
    return lambda value: ((value - by) * times,), lambda stored: stored[0] // times + by


_CODECS = {
    "date": _shift(EPOCH_DAYS, 1),
    "time": _shift(0, 1),
    "timestamp": _shift(EPOCH_MS, MICROS_OF_MS),
    "timestamptz": _shift(EPOCH_MS, MICROS_OF_MS),
}


async def teach(connection: "asyncpg.Connection[Any]") -> None:
    """Have a connection speak the engine's numbers for times."""
    for name, (encoder, decoder) in _CODECS.items():
        await connection.set_type_codec(
            name, schema="pg_catalog", format="tuple", encoder=encoder, decoder=decoder
        )
