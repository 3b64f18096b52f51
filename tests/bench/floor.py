"""The floor: the rows that the system wrote, written by a plain script over sqlite3.

One transaction per order and file, WAL and synchronous=FULL as the system has it. Every row is
written once, as it was in the end, which is less than a choreography has to do; products and
wallets are written again by each order that touches them.
"""

import json
import random
import sqlite3
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import uvloop

from infra.settings import Settings
from tests.bench.driver import driving
from tests.bench.figures import Figure
from tests.bench.saga import SIDE_BY_SIDE, Scale, folder

#: Rows that belong to no order, and how many of them an order changes.
_SHARED = {"inventory$stock": 2, "payment$wallet": 1}
#: Columns that name a row's order.
_OWNERS = ("saga", "order_id")

Rows = list[tuple[str, tuple[Any, ...]]]


def measure(scale: Scale) -> list[Figure]:
    """Let the system write, then write the same again without it."""
    with folder() as data, folder() as copied:
        uvloop.run(_written(data, scale.orders))
        files = sorted(data.glob("*.db"))
        by_file = [_by_order(path) for path in files]
        connections = [_copy_of(path, copied / path.name) for path in files]
        ids = [order for order in by_file[0] if all(order in rows for rows in by_file)]
        wall, cpu = time.perf_counter(), time.process_time()
        for order in ids:
            for connection, rows in zip(connections, by_file, strict=True):
                _write(connection, rows[order])
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        for connection in connections:
            connection.close()
    values = {
        ("orders to their end", "1/s"): len(ids) / wall,
        ("CPU", "us/order"): cpu / len(ids) * 1e6,
        ("commits", "1/order"): float(len(files)),
        ("rows", "1/order"): sum(len(rows[o]) for rows in by_file for o in ids) / len(ids),
    }
    return [Figure(SIDE_BY_SIDE, n, "floor", value, unit) for (n, unit), value in values.items()]


async def _written(data: Path, count: int) -> None:
    async with driving(Settings(data=data)) as driver:
        await driver.all_out(count)


def _write(connection: sqlite3.Connection, rows: Rows) -> None:
    connection.execute("BEGIN IMMEDIATE")
    for statement, values in rows:
        connection.execute(statement, values)
    connection.execute("COMMIT")


def _by_order(path: Path) -> dict[str, Rows]:
    """The rows of a store by the order that they belong to."""
    found: dict[str, Rows] = defaultdict(list)
    shared: list[tuple[str, list[tuple[Any, ...]], int]] = []
    with closing(sqlite3.connect(path)) as connection:
        for table in _tables(connection):
            columns, rows = _read(connection, table)
            marks = ", ".join("?" * len(columns))
            statement = f'INSERT OR REPLACE INTO "{table}" VALUES ({marks})'
            if table in _SHARED:
                shared.append((statement, rows, _SHARED[table]))
            for owner, row in _owned(table, columns, rows):
                found[owner].append((statement, row))
    chance = random.Random(3)
    for statement, rows, count in shared:
        for order in found:
            found[order] += ((statement, row) for row in chance.sample(rows, count))
    return found


def _owned(
    table: str, columns: list[str], rows: list[tuple[Any, ...]]
) -> Iterator[tuple[str, tuple[Any, ...]]]:
    if table.endswith("$outbox"):
        headers = columns.index("headers")
        yield from ((json.loads(row[headers])["saga"], row) for row in rows)
        return
    for name in _OWNERS:
        if name in columns:
            yield from ((row[columns.index(name)], row) for row in rows)
            return


def _tables(connection: sqlite3.Connection) -> list[str]:
    return [
        name
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
    ]


def _read(connection: sqlite3.Connection, table: str) -> tuple[list[str], list[tuple[Any, ...]]]:
    cursor = connection.execute(f'SELECT * FROM "{table}"')
    return [column[0] for column in cursor.description], cursor.fetchall()


def _copy_of(source: Path, target: Path) -> sqlite3.Connection:
    """A file with the same tables and with the rows that belong to no order."""
    copy = sqlite3.connect(target, isolation_level=None)
    copy.execute("PRAGMA journal_mode=WAL")
    copy.execute("PRAGMA synchronous=FULL")
    with closing(sqlite3.connect(source)) as connection:
        for (made,) in connection.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL"):
            copy.execute(made)
        for table in _SHARED.keys() & set(_tables(connection)):
            columns, rows = _read(connection, table)
            marks = ", ".join("?" * len(columns))
            copy.execute("BEGIN")
            copy.executemany(f'INSERT INTO "{table}" VALUES ({marks})', rows)
            copy.execute("COMMIT")
    return copy
