"""Reads by key, set-wise: one query for what lies together, several at a time."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from infra.engine.cassandra.connection import Connection, Statement, all_of
from infra.engine.cassandra.statements import listed, select_text
from infra.engine.cassandra.values import check_rows
from infra.engine.table import Key, Table, Value

#: Rows of one partition that one query asks for.
TOGETHER_MAX_ROWS = 100


async def fetch(
    connection: Connection, table: Table, keys: Sequence[Key], columns: tuple[str, ...]
) -> list[tuple[Any, ...]]:
    """The rows among these keys, in no order."""
    check_rows(table, keys)
    wanted = _queries(table, keys, columns)
    answers = await all_of([connection.read(*statement) for statement in wanted])
    return [row for rows in answers for row in rows]


def _queries(table: Table, keys: Sequence[Key], columns: tuple[str, ...]) -> list[Statement]:
    width = len(table.partition)
    together: dict[Key, list[Key]] = defaultdict(list)
    for key in keys:
        together[key[:width]].append(key[width:])
    queries = []
    for partition, rows in together.items():
        for at in range(0, len(rows), TOGETHER_MAX_ROWS):
            part = rows[at : at + TOGETHER_MAX_ROWS]
            queries.append(_query(table, partition, part, columns))
    return queries


def _query(table: Table, partition: Key, rows: list[Key], columns: tuple[str, ...]) -> Statement:
    if len(rows) == 1:
        where = " AND ".join(f"{listed([column])} = ?" for column in table.keys)
        return Statement(select_text(table, columns, where), partition + rows[0])
    where = " AND ".join(f"{listed([column])} = ?" for column in table.partition)
    where += f" AND ({listed(table.clustering)}) IN ?"
    values: tuple[Value | list[Key], ...] = (*partition, rows)
    return Statement(select_text(table, columns, where), values)
