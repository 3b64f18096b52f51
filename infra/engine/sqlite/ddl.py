"""Tables in ScalarDB's shape for SQLite, and the rows that describe them to it."""

import sqlite3
from collections.abc import Sequence

from infra.engine.metadata import (
    Described,
    check_columns,
    check_keys,
    described,
    differs,
    index_name,
    table_of,
)
from infra.engine.shapes import quoted
from infra.engine.table import Table, Type

_METADATA = (
    'CREATE TABLE IF NOT EXISTS "scalardb$metadata"("full_table_name" TEXT,"column_name" TEXT,'
    '"data_type" TEXT NOT NULL,"key_type" TEXT,"clustering_order" TEXT,"indexed" BOOLEAN NOT NULL,'
    '"ordinal_position" INTEGER NOT NULL,PRIMARY KEY ("full_table_name", "column_name"))'
)
_FORGET = 'DELETE FROM "scalardb$metadata" WHERE "full_table_name"=?'
#: How types are declared that have other names here.
_DECLARED = {
    Type.DATE: "INT",
    Type.TIME: "BIGINT",
    Type.TIMESTAMP: "BIGINT",
    Type.TIMESTAMPTZ: "BIGINT",
}


def apply(tables: Sequence[Table], connection: sqlite3.Connection) -> None:
    """Create or widen the tables; run inside a transaction, so that it happens whole."""
    connection.execute(_METADATA)
    for table in tables:
        _apply_table(connection, table)
        for column in table.indexed:
            name = quoted(index_name(table, column))
            connection.execute(
                f"CREATE INDEX IF NOT EXISTS {name} ON {table_name(table)} ({quoted(column)})"
            )
        _describe(connection, table)


def describe(connection: sqlite3.Connection, namespace: str, name: str) -> Table | None:
    """A table as ScalarDB knows it."""
    there = connection.execute(
        "SELECT 1 FROM sqlite_master WHERE name='scalardb$metadata'"
    ).fetchone()
    if not there or not columns(connection, namespace, name):
        return None
    return table_of(namespace, name, _found(connection, f"{namespace}.{name}"))


def columns(connection: sqlite3.Connection, namespace: str, name: str) -> list[str]:
    """The columns on disk."""
    return [row[1] for row in connection.execute(f"PRAGMA table_info({_quoted(namespace, name)})")]


def kinds(connection: sqlite3.Connection, table: Table) -> tuple[dict[str, str], dict[str, str]]:
    """The types of columns: as they are, and as they are declared."""
    found = connection.execute(f"PRAGMA table_info({table_name(table)})")
    return {row[1]: row[2] for row in found}, {c: _declared(k) for c, k in table.stored.items()}


def namespaces(connection: sqlite3.Connection) -> list[str]:
    """Every namespace that has a table; SQLite itself knows none."""
    return sorted({namespace for namespace, _ in _named(connection)} - {"scalardb"})


def tables(namespace: str, connection: sqlite3.Connection) -> list[str]:
    """The names of a namespace's tables."""
    return sorted(name for of, name in _named(connection) if of == namespace)


def drop_table(table: Table, connection: sqlite3.Connection) -> None:
    """Remove a table and what describes it."""
    connection.execute(_METADATA)
    connection.execute(f"DROP TABLE IF EXISTS {table_name(table)}")
    connection.execute(_FORGET, (table.full_name,))


def _named(connection: sqlite3.Connection) -> list[list[str]]:
    rows = connection.execute("SELECT name FROM sqlite_master WHERE type='table'")
    return [row[0].split("$", 1) for row in rows if "$" in row[0]]


def table_name(table: Table) -> str:
    return _quoted(table.namespace, table.name)


def _quoted(namespace: str, name: str) -> str:
    return quoted(f"{namespace}${name}")


def _apply_table(connection: sqlite3.Connection, table: Table) -> None:
    found = connection.execute(f"PRAGMA table_info({table_name(table)})").fetchall()
    there, wanted = kinds(connection, table)
    if not found:
        columns = ",".join(f"{quoted(c)} {kind}" for c, kind in wanted.items())
        keys = ",".join(map(quoted, table.keys))
        connection.execute(f"CREATE TABLE {table_name(table)}({columns},PRIMARY KEY ({keys}))")
        return
    check_keys(table, (name for pk, name in sorted((row[5], row[1]) for row in found) if pk))
    for column in check_columns(table, there, wanted):
        connection.execute(
            f"ALTER TABLE {table_name(table)} ADD COLUMN {quoted(column)} {wanted[column]}"
        )


def _describe(connection: sqlite3.Connection, table: Table) -> None:
    if not differs(table, _found(connection, table.full_name)):
        return
    connection.execute(_FORGET, (table.full_name,))
    connection.executemany(
        'INSERT INTO "scalardb$metadata" VALUES (?,?,?,?,?,?,?)',
        [(table.full_name, c, *d, at) for at, (c, d) in enumerate(described(table).items(), 1)],
    )


def _found(connection: sqlite3.Connection, full_name: str) -> dict[str, Described]:
    rows = connection.execute(
        'SELECT "column_name","data_type","key_type","clustering_order","indexed" '
        'FROM "scalardb$metadata" WHERE "full_table_name"=? ORDER BY "ordinal_position"',
        (full_name,),
    )
    return {row[0]: Described(row[1], row[2], row[3], bool(row[4])) for row in rows}


def _declared(kind: Type) -> str:
    return _DECLARED.get(kind, kind.value)
