"""Schemas and tables in ScalarDB's shape for PostgreSQL, and the rows that describe them to it."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from infra.engine.errors import InvalidRequest
from infra.engine.metadata import (
    Described,
    check_columns,
    check_keys,
    described,
    differs,
    index_name,
    shortened,
    table_of,
)
from infra.engine.postgres.pool import Connection
from infra.engine.postgres.statements import table_name
from infra.engine.postgres.trouble import TROUBLE, translate
from infra.engine.postgres.types import declared
from infra.engine.shapes import quoted
from infra.engine.table import Table

#: A number of our own for pg_advisory_xact_lock: two processes that start at once make tables in
#: turn, since CREATE ... IF NOT EXISTS itself is not safe against another one.
DDL_LOCK = 0x0D0121
#: PostgreSQL cuts a longer identifier, and takes it for any other one that begins alike.
NAME_MAX_BYTES = 63

_METADATA = """CREATE TABLE IF NOT EXISTS "scalardb"."metadata"(
"full_table_name" VARCHAR(128),"column_name" VARCHAR(128),"data_type" VARCHAR(20) NOT NULL,
"key_type" VARCHAR(20),"clustering_order" VARCHAR(10),"indexed" BOOLEAN NOT NULL,
"ordinal_position" INTEGER NOT NULL,PRIMARY KEY ("full_table_name","column_name"))"""
_THERE = """SELECT a.attname, format_type(a.atttypid, a.atttypmod) AS kind,
array_position(i.indkey::int2[], a.attnum) AS place
FROM pg_attribute a LEFT JOIN pg_index i ON i.indrelid = a.attrelid AND i.indisprimary
WHERE a.attrelid = to_regclass($1) AND a.attnum > 0 AND NOT a.attisdropped"""
_DESCRIBED = """SELECT "column_name","data_type","key_type","clustering_order","indexed"
FROM "scalardb"."metadata" WHERE "full_table_name"=$1 ORDER BY "ordinal_position\""""


async def apply(connection: Connection, tables: Sequence[Table]) -> None:
    """Create or widen the tables; run inside a transaction, so that it happens whole."""
    for table in tables:
        _check_lengths(table)
    for schema in dict.fromkeys(table.namespace for table in tables):
        await connection.execute(f"CREATE SCHEMA IF NOT EXISTS {quoted(schema)}")
    for table in tables:
        await _apply_table(connection, table)
        if differs(table, await _found(connection, table.full_name)):
            await write_description(connection, table)


@asynccontextmanager
async def alone(connection: Connection) -> AsyncIterator[None]:
    """A database transaction in which nobody else changes tables; all or nothing."""
    try:
        async with connection.transaction():
            await connection.execute(f"SELECT pg_advisory_xact_lock({DDL_LOCK})")
            await connection.execute('CREATE SCHEMA IF NOT EXISTS "scalardb"')
            await connection.execute(_METADATA)
            yield
    except TROUBLE as error:
        raise translate(error) from error


async def describe(connection: Connection, namespace: str, name: str) -> Table | None:
    """A table as ScalarDB knows it."""
    try:
        if not (await connection.fetch("SELECT to_regclass('scalardb.metadata')"))[0][0]:
            return None
        if not await columns(connection, namespace, name):
            return None
        return table_of(namespace, name, await _found(connection, f"{namespace}.{name}"))
    except TROUBLE as error:
        raise translate(error) from error


async def columns(
    connection: Connection, namespace: str, name: str
) -> list[tuple[str, str, int | None]]:
    """Each column with its type and its place in the primary key."""
    rows = await connection.fetch(_THERE, f"{quoted(namespace)}.{quoted(name)}")
    return [tuple(row) for row in rows]


def kinds(
    table: Table, there: Sequence[tuple[str, str, int | None]]
) -> tuple[dict[str, str], dict[str, str]]:
    """The types of columns: as they are, and as they are declared."""
    found = {column: _as_declared(kind) for column, kind, _ in there}
    return found, {column: declared(table, column) for column in table.stored}


def _check_lengths(table: Table) -> None:
    for name in (table.namespace, table.name, *table.stored):
        if len(name.encode()) > NAME_MAX_BYTES:
            raise InvalidRequest(
                f"{table.full_name}: PostgreSQL would cut the name {name} after"
                f" {NAME_MAX_BYTES} bytes"
            )


async def _apply_table(connection: Connection, table: Table) -> None:
    name = table_name(table)
    there = await columns(connection, table.namespace, table.name)
    found, wanted = kinds(table, there)
    if not there:
        for statement in created(table):
            await connection.execute(statement)
    else:
        keyed = sorted((place, column) for column, _, place in there if place is not None)
        check_keys(table, (column for _, column in keyed))
        for column in check_columns(table, found, wanted):
            kind = wanted[column]
            await connection.execute(f"ALTER TABLE {name} ADD COLUMN {quoted(column)} {kind}")
    for column in table.indexed:
        index = quoted(index_name(table, column))
        await connection.execute(f"CREATE INDEX IF NOT EXISTS {index} ON {name} ({quoted(column)})")


def created(table: Table) -> list[str]:
    """The statements that make a table."""
    name = table_name(table)
    columns = ",".join(f"{quoted(c)} {declared(table, c)}" for c in table.stored)
    keys = ",".join(map(quoted, table.keys))
    statements = [f"CREATE TABLE {name}({columns},PRIMARY KEY ({keys}))"]
    if table.descending and len(table.descending) < len(table.clustering):
        # The primary key has no directions, and a scan that mixes them could not use it.
        prefix = "index_clustering_order_"
        index = quoted(shortened(f"{prefix}{table.namespace}_{table.name}", prefix))
        order = ",".join(
            f"{quoted(c)} {'DESC' if c in table.descending else 'ASC'}" for c in table.keys
        )
        statements.append(f"CREATE UNIQUE INDEX {index} ON {name} ({order})")
    return statements


async def write_description(connection: Connection, table: Table) -> None:
    """The rows in scalardb.metadata, anew."""
    await forget(connection, table.full_name)
    rows: list[tuple[Any, ...]] = [
        (table.full_name, c, *d, at) for at, (c, d) in enumerate(described(table).items(), 1)
    ]
    await connection.executemany(
        'INSERT INTO "scalardb"."metadata" VALUES ($1,$2,$3,$4,$5,$6,$7)', rows
    )


async def forget(connection: Connection, full_name: str) -> None:
    await connection.execute(
        'DELETE FROM "scalardb"."metadata" WHERE "full_table_name"=$1', full_name
    )


async def _found(connection: Connection, full_name: str) -> dict[str, Described]:
    rows = await connection.fetch(_DESCRIBED, full_name)
    return {row[0]: Described(*row[1:]) for row in rows}


def _as_declared(kind: str) -> str:
    return kind.replace("character varying", "VARCHAR")
