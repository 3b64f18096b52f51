"""Rows per second of the engine over SQLite by batch size, beside plain sqlite3 as the floor.

"busy" is the same work while another thread computes without end, as a loaded event loop does;
"left" is what that thread kept of its own speed: what the engine does not spend under the GIL.
An argument sets the interpreter's switch interval in seconds (0.005 is Python's own).
"""

import argparse
import asyncio
import random
import sqlite3
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Thread

from infra.engine.sqlite import SqliteEngine
from infra.engine.table import Table, Type
from tests.bench.driver import pause

BATCHES_ROWS = (1, 10, 100, 500)
MEASURED_SECONDS = 0.7

STOCK = Table(
    "bench",
    "stock",
    {
        "category": Type.TEXT,
        "product": Type.TEXT,
        "available": Type.BIGINT,
        "reserved": Type.BIGINT,
        "note": Type.TEXT,
        "body": Type.TEXT,
    },
    ("category",),
    ("product",),
)
Row = tuple[str, str, int, int, str, str]
Work = Callable[[list[Row]], Awaitable[None]]


@dataclass
class Spinner:
    """A thread that counts: how much of the processor the GIL leaves to others."""

    count: int = 0
    running: bool = True

    def run(self) -> None:
        while self.running:
            self.count += 1


@contextmanager
def spinning() -> Iterator[Spinner]:
    spinner = Spinner()
    thread = Thread(target=spinner.run)
    thread.start()
    try:
        yield spinner
    finally:
        spinner.running = False
        thread.join()


def rows(start: int, count: int) -> list[Row]:
    body = '{"orderId":"10248","lines":[{"productId":"11","quantity":12}]}'
    return [("beverages", f"p{i:08}", i, 0, "some text", body) for i in range(start, start + count)]


async def rate(work: Work, batches: Iterator[list[Row]]) -> float:
    """Rows per second of doing one batch after the other for a while."""
    began, done = time.perf_counter(), 0
    while time.perf_counter() - began < MEASURED_SECONDS:
        batch = next(batches)
        await work(batch)
        done += len(batch)
    return done / (time.perf_counter() - began)


class Numbers:
    """Batches of new rows, and of rows that are there."""

    def __init__(self, size: int) -> None:
        self.size, self.next = size, 0

    def new(self) -> Iterator[list[Row]]:
        while True:
            self.next += self.size
            yield rows(self.next, self.size)

    def old(self) -> Iterator[list[Row]]:
        while True:
            start = random.randrange(self.size, self.next + 1)
            yield rows(start, min(self.size, self.next + self.size - start))


def works(engine: SqliteEngine) -> dict[str, Work]:
    async def insert(batch: list[Row]) -> None:
        transaction = engine.begin()
        for row in batch:
            transaction.insert(STOCK, row)
        await transaction.commit()

    async def update(batch: list[Row]) -> None:
        transaction = engine.begin()
        await transaction.fetch({STOCK: [row[:2] for row in batch]})
        for row in batch:
            transaction.put(STOCK, row)
        await transaction.commit()

    async def fetch(batch: list[Row]) -> None:
        await engine.begin().fetch({STOCK: [row[:2] for row in batch]})

    return {"insert": insert, "fetch": fetch, "fetch+put": update}


def floor(connection: sqlite3.Connection) -> dict[str, Work]:
    """The same rows by executemany, unconditionally, without a thread."""
    insert_sql = (
        'INSERT INTO "bench$stock"(category,product,available,reserved,note,body,tx_id,tx_state,'
        "tx_version,tx_prepared_at,tx_committed_at) VALUES (?,?,?,?,?,?,'t',3,1,1,1)"
    )
    update_sql = (
        "UPDATE \"bench$stock\" SET available=?,reserved=?,note=?,body=?,tx_id='u',tx_state=3,"
        "tx_version=tx_version+1,tx_prepared_at=1,tx_committed_at=1 WHERE category=? AND product=?"
    )
    select_sql = 'SELECT * FROM "bench$stock" WHERE category=? AND product=?'

    async def insert(batch: list[Row]) -> None:
        with connection:
            connection.executemany(insert_sql, batch)

    async def fetch(batch: list[Row]) -> None:
        for row in batch:
            connection.execute(select_sql, row[:2]).fetchone()

    async def update(batch: list[Row]) -> None:
        await fetch(batch)
        with connection:
            connection.executemany(update_sql, [(*row[2:], *row[:2]) for row in batch])

    return {"insert": insert, "fetch": fetch, "fetch+put": update}


async def beside_a_spinner(work: Work, batches: Iterator[list[Row]]) -> tuple[float, float]:
    """The rate while a thread computes, and the share of its own speed that the thread kept."""
    with spinning() as spinner:
        await pause(MEASURED_SECONDS)
        alone, count = spinner.count / MEASURED_SECONDS, spinner.count
        began = time.perf_counter()
        busy = await rate(work, batches)
        return busy, (spinner.count - count) / (time.perf_counter() - began) / alone


async def measure(folder: Path, size: int) -> None:
    engine = SqliteEngine.open(folder / f"engine{size}.db")
    await engine.apply([STOCK])
    plain = folder / f"plain{size}.db"
    other = SqliteEngine.open(plain)
    await other.apply([STOCK])
    await other.close()
    connection = sqlite3.connect(plain)
    connection.execute("PRAGMA synchronous=FULL")
    ours, theirs = Numbers(size), Numbers(size)
    for name, work in works(engine).items():
        batches = ours.new if name == "insert" else ours.old
        quiet = await rate(work, batches())
        busy, left = await beside_a_spinner(work, batches())
        plain_batches = theirs.new if name == "insert" else theirs.old
        least = await rate(floor(connection)[name], plain_batches())
        print(f"{name:<10}{size:>6}{quiet:>12,.0f}{least:>12,.0f}{busy:>12,.0f}{left:>8.0%}")
    connection.close()
    await engine.close()


async def main() -> None:
    print(f"{'':<10}{'batch':>6}{'rows/s':>12}{'floor':>12}{'busy':>12}{'left':>8}")
    with tempfile.TemporaryDirectory() as folder:
        for size in BATCHES_ROWS:
            await measure(Path(folder), size)


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("switch_s", nargs="?", type=float, help="the interpreter's interval")
    sys.setswitchinterval(arguments.parse_args().switch_s or sys.getswitchinterval())
    asyncio.run(main())
