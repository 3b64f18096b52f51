"""Tables in ScalarDB's shape for SQLite, and the rows that describe them to it."""

import hashlib
import sqlite3
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from infra.engine.errors import SchemaMismatch
from infra.engine.sqlite.statements import TX_COLUMNS, quoted
from infra.engine.table import Table, Type

#: ScalarDB shortens a longer index name, since PostgreSQL would cut it.
INDEX_NAME_MAX_CHARS = 63

_METADATA = (
    'CREATE TABLE IF NOT EXISTS "scalardb$metadata"("full_table_name" TEXT,"column_name" TEXT,'
    '"data_type" TEXT NOT NULL,"key_type" TEXT,"clustering_order" TEXT,"indexed" BOOLEAN NOT NULL,'
    '"ordinal_position" INTEGER NOT NULL,PRIMARY KEY ("full_table_name", "column_name"))'
)


class Described(NamedTuple):
    """A column as scalardb$metadata describes it."""

    data_type: str
    key_type: str | None
    clustering_order: str | None
    indexed: bool


def apply(tables: Sequence[Table], connection: sqlite3.Connection) -> None:
    """Create or widen the tables; run inside a transaction, so that it happens whole."""
    connection.execute(_METADATA)
    for table in tables:
        _apply_table(connection, table)
        for column in _indexed(table):
            name = quoted(index_name(table, column))
            connection.execute(
                f"CREATE INDEX IF NOT EXISTS {name} ON {_name(table)} ({quoted(column)})"
            )
        _describe(connection, table)


def index_name(table: Table, column: str) -> str:
    name = f"index_{table.namespace}_{table.name}_{column}"
    if len(name) <= INDEX_NAME_MAX_CHARS:
        return name
    return "index_" + hashlib.sha256(name.encode()).hexdigest()[:32]


def create_table(table: Table) -> str:
    columns = ",".join(f"{quoted(c)} {_declared(kind)}" for c, kind in all_columns(table).items())
    keys = ",".join(quoted(c) for c in _keys(table))
    return f"CREATE TABLE {_name(table)}({columns},PRIMARY KEY ({keys}))"


def all_columns(table: Table) -> dict[str, Type]:
    """The user's columns, the transaction's, and the images before it."""
    rest = {c: kind for c, kind in table.columns.items() if c not in _keys(table)}
    before = {f"before_{c}": kind for c, kind in (TX_COLUMNS | rest).items()}
    return table.columns | TX_COLUMNS | before


def _apply_table(connection: sqlite3.Connection, table: Table) -> None:
    found = connection.execute(f"PRAGMA table_info({_name(table)})").fetchall()
    if not found:
        connection.execute(create_table(table))
        return
    keys = tuple(name for pk, name in sorted((row[5], row[1]) for row in found) if pk)
    if keys != _keys(table):
        raise SchemaMismatch(f"{table.full_name}: primary key is {keys}, not {_keys(table)}")
    there = {row[1]: row[2] for row in found}
    wanted = all_columns(table)
    for column, declared in there.items():
        if column not in wanted:
            raise SchemaMismatch(f"{table.full_name}.{column} is not declared")
        if declared.upper() != _declared(wanted[column]):
            raise SchemaMismatch(
                f"{table.full_name}.{column} is {declared}, not {_declared(wanted[column])}"
            )
    for column, kind in wanted.items():
        if column not in there:
            connection.execute(
                f"ALTER TABLE {_name(table)} ADD COLUMN {quoted(column)} {_declared(kind)}"
            )


def _describe(connection: sqlite3.Connection, table: Table) -> None:
    wanted = dict(_described(table))
    rows = connection.execute(
        'SELECT "column_name","data_type","key_type","clustering_order","indexed" '
        'FROM "scalardb$metadata" WHERE "full_table_name"=?',
        (table.full_name,),
    ).fetchall()
    found = {row[0]: Described(row[1], row[2], row[3], bool(row[4])) for row in rows}
    for column, described in found.items():
        if column in wanted and described[:3] != wanted[column][:3]:
            raise SchemaMismatch(
                f"{table.full_name}.{column} is described as {described}, not {wanted[column]}"
            )
    if found == wanted:
        return
    connection.execute(
        'DELETE FROM "scalardb$metadata" WHERE "full_table_name"=?', (table.full_name,)
    )
    connection.executemany(
        'INSERT INTO "scalardb$metadata" VALUES (?,?,?,?,?,?,?)',
        [(table.full_name, c, *d, at) for at, (c, d) in enumerate(wanted.items(), 1)],
    )


def _described(table: Table) -> Iterator[tuple[str, Described]]:
    indexed = set(_indexed(table))
    for column, kind in all_columns(table).items():
        key = order = None
        if column in table.partition:
            key = "PARTITION"
        elif column in table.clustering:
            key, order = "CLUSTERING", "DESC" if column in table.descending else "ASC"
        yield column, Described(kind.value, key, order, column in indexed)


def _indexed(table: Table) -> list[str]:
    """ScalarDB also indexes the image before, where a row being written may still be found."""
    before = [f"before_{c}" for c in table.indexes if c not in _keys(table)]
    return [*table.indexes, *before]


def _keys(table: Table) -> tuple[str, ...]:
    return table.partition + table.clustering


def _name(table: Table) -> str:
    return quoted(f"{table.namespace}${table.name}")


def _declared(kind: Type) -> str:
    return Type.BIGINT.value if kind is Type.TIMESTAMPTZ else kind.value
