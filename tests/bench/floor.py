"""The floor: the rows that the system wrote, written by a plain script over sqlite3.

One transaction per order and file, and once more one per 500 orders and file; WAL and
synchronous=FULL as the system has it. Every row is
written once, as it was in the end, which is less than a choreography has to do; products and
wallets are written again by each order that touches them.
"""

import json
import random
import sqlite3
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import uvloop

from infra.settings import Settings
from tests.bench.driver import driving
from tests.bench.figures import Figure
from tests.bench.saga import SIDE_BY_SIDE, Scale, folder

#: Orders of one transaction in the second figure: as many deliveries as a worker takes at most.
BATCH_ORDERS = 500
#: Rows that belong to no order, and how many of them an order changes.
_SHARED = {"inventory$stock": 2, "payment$wallet": 1}
#: Columns that name a row's order.
_OWNERS = ("saga", "order_id")

Statement = tuple[str, tuple[Any, ...]]
Rows = list[Statement]


def measure(scale: Scale) -> list[Figure]:
    """Let the system write, then write the same again without it."""
    with folder() as data:
        uvloop.run(_written(data, scale.orders))
        files = sorted(data.glob("*.db"))
        stores = [_by_order(path) for path in files]
        ids = [order for order in stores[0] if all(order in rows for rows in stores)]
        figures = _written_again("floor", files, stores, [[order] for order in ids])
        batches = [ids[n : n + BATCH_ORDERS] for n in range(0, len(ids), BATCH_ORDERS)]
        return figures + _written_again(f"floor by {BATCH_ORDERS}", files, stores, batches)


def _written_again(
    column: str, files: list[Path], stores: list[dict[str, Rows]], batches: list[list[str]]
) -> list[Figure]:
    count = sum(map(len, batches))
    with folder() as copied, ExitStack() as opened:
        connections = [
            opened.enter_context(closing(_copy_of(path, copied / path.name))) for path in files
        ]
        wall, cpu = time.perf_counter(), time.process_time()
        for batch in batches:
            for connection, rows in zip(connections, stores, strict=True):
                _write(connection, (row for order in batch for row in rows[order]))
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    values = {
        ("orders to their end", "1/s"): count / wall,
        ("CPU", "us/order"): cpu / count * 1e6,
        ("commits", "1/order"): len(files) * len(batches) / count,
        ("rows", "1/order"): sum(len(r[o]) for r in stores for b in batches for o in b) / count,
    }
    return [Figure(SIDE_BY_SIDE, n, column, value, unit) for (n, unit), value in values.items()]


async def _written(data: Path, count: int) -> None:
    async with driving(Settings(data=data)) as driver:
        await driver.all_out(count)


def _write(connection: sqlite3.Connection, rows: Iterable[Statement]) -> None:
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
