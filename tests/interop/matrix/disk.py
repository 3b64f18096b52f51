"""What is on disk, past both engines: whole tables as they are, and rows set by hand."""

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from typing import Any

import asyncpg

from infra.engine.table import Table
from tests.interop.places import CassandraPlace, Place, PostgresPlace, Row, SqlitePlace


def named(place: Place, namespace: str, table: str) -> str:
    """A table in this storage's SQL."""
    sqlite = isinstance(place, SqlitePlace)
    return f'"{namespace}${table}"' if sqlite else f'"{namespace}"."{table}"'


async def run(place: Place, statements: Iterable[str]) -> None:
    """Statements one by one, committed; on Cassandra each must be a conditional one, since others
    would get times that those of the engines may be older than."""
    statements = list(statements)
    if not statements:
        return
    if isinstance(place, PostgresPlace):
        connection = await asyncpg.connect(place.url)
        try:
            await connection.execute(";".join(statements))
        finally:
            await connection.close()
    elif isinstance(place, SqlitePlace):
        with closing(sqlite3.connect(place.file, timeout=10)) as file, file:
            for statement in statements:
                file.execute(statement)
    elif isinstance(place, CassandraPlace):
        for statement in statements:
            place.session.execute(statement)


def decision(place: Place, tx_id: str, state: int, at: int, children: str | None = None) -> str:
    """The statement that writes a coordinator's row."""
    return insert(
        place,
        ("coordinator", "state"),
        {"tx_id": tx_id, "tx_child_ids": children, "tx_state": state, "tx_created_at": at},
    )


def insert(place: Place, table: tuple[str, str], row: Row) -> str:
    """The statement that writes a row as it is given."""
    columns = ",".join(f'"{column}"' for column in row)
    values = ",".join(map(_literal, row.values()))
    absent = " IF NOT EXISTS" if isinstance(place, CassandraPlace) else ""
    return f"INSERT INTO {named(place, *table)} ({columns}) VALUES ({values}){absent}"


def update(place: Place, table: Table, key: Row, row: Row) -> str:
    """The statement that changes columns of one row."""
    there = " IF EXISTS" if isinstance(place, CassandraPlace) else ""
    assigned = ",".join(f'"{column}"={_literal(value)}' for column, value in row.items())
    name = named(place, table.namespace, table.name)
    return f"UPDATE {name} SET {assigned} WHERE {_is(key)}{there}"


def delete(place: Place, table: Table, key: Row) -> str:
    """The statement that removes one row."""
    there = " IF EXISTS" if isinstance(place, CassandraPlace) else ""
    return f"DELETE FROM {named(place, table.namespace, table.name)} WHERE {_is(key)}{there}"


async def rows(place: Place, table: Table) -> dict[Any, Row]:
    """Every row with all its columns, by primary key."""
    found = await place.rows(table.namespace, table.name)
    return {tuple(row[column] for column in table.keys): dict(row) for row in found}


async def decisions(place: Place) -> dict[str, Row]:
    """Every row of the coordinator."""
    return {row["tx_id"]: dict(row) for row in await place.rows("coordinator", "state")}


def _is(key: Row) -> str:
    return " AND ".join(f'"{column}"={_literal(value)}' for column, value in key.items())


def _literal(value: Any) -> str:
    if value is None:
        return "NULL"
    return "'" + value.replace("'", "''") + "'" if isinstance(value, str) else str(value)
