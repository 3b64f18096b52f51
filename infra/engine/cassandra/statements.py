"""The CQL of one table; every statement that writes has a condition."""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import NamedTuple

from cassandra.metadata import protect_name
from cassandra.query import UNSET_VALUE

from infra.engine.cassandra.connection import Statement
from infra.engine.table import TX_COLUMNS, Key, Table, Value

#: Texts that are kept; each table has some ten.
TEXTS_MAX_COUNT = 2_000


class Step(NamedTuple):
    """One row's conditional write; it must not exist where the conditions are None."""

    key: Key
    statement: Statement
    conditions: Mapping[str, Value] | None


def name_of(table: Table) -> str:
    return f"{protect_name(table.namespace)}.{protect_name(table.name)}"


def record_columns(table: Table) -> tuple[str, ...]:
    """What is read of a row, to know it and to prepare it later; what was before is for others."""
    return tuple(table.columns) if table.plain else (*table.columns, *TX_COLUMNS)


def listed(columns: Iterable[str]) -> str:
    return ", ".join(map(protect_name, columns))


@lru_cache(TEXTS_MAX_COUNT)
def select_text(table: Table, columns: tuple[str, ...], where: str) -> str:
    return f"SELECT {listed(columns)} FROM {name_of(table)}{where and ' WHERE '}{where}"


def insert(table: Table, row: Mapping[str, Value]) -> Step:
    """A row that must not exist."""
    # What is not there needs no tombstone.
    values = [UNSET_VALUE if value is None else value for value in row.values()]
    key = tuple(row[column] for column in table.keys)
    return Step(key, Statement(_insert_text(table, tuple(row)), values), None)


def update(
    table: Table, key: Key, assigned: Mapping[str, Value], conditions: Mapping[str, Value]
) -> Step:
    text = _update_text(table, tuple(assigned), tuple(conditions))
    values = (*assigned.values(), *key, *conditions.values())
    return Step(key, Statement(text, values), conditions)


def delete(table: Table, key: Key, conditions: Mapping[str, Value]) -> Step:
    text = _delete_text(table, tuple(conditions))
    return Step(key, Statement(text, (*key, *conditions.values())), conditions)


@lru_cache(TEXTS_MAX_COUNT)
def _insert_text(table: Table, columns: tuple[str, ...]) -> str:
    marks = ", ".join("?" * len(columns))
    return f"INSERT INTO {name_of(table)} ({listed(columns)}) VALUES ({marks}) IF NOT EXISTS"


@lru_cache(TEXTS_MAX_COUNT)
def _update_text(table: Table, assigned: tuple[str, ...], conditions: tuple[str, ...]) -> str:
    new = ", ".join(f"{protect_name(column)} = ?" for column in assigned)
    return f"UPDATE {name_of(table)} SET {new} WHERE {_all(table.keys)} IF {_all(conditions)}"


@lru_cache(TEXTS_MAX_COUNT)
def _delete_text(table: Table, conditions: tuple[str, ...]) -> str:
    return f"DELETE FROM {name_of(table)} WHERE {_all(table.keys)} IF {_all(conditions)}"


def _all(columns: Iterable[str]) -> str:
    return " AND ".join(f"{protect_name(column)} = ?" for column in columns)
