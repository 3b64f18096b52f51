"""A domain that keeps neither stock nor money has no accounts, and does not disturb the books."""

import sqlite3
from contextlib import closing
from pathlib import Path

from streams.books.check import Verdict
from streams.topology import discover
from tests.books.trading import at_rest, open_shop, order, send, trading


async def test_the_books_balance_beside_a_store_without_accounts(tmp_path: Path) -> None:
    async with trading(tmp_path) as system:
        await open_shop(system)
        await send(system, order("A-1"))
        await at_rest(tmp_path)
    with closing(sqlite3.connect(tmp_path / "order.db")) as source:
        schema = [row[0] for row in source.execute("SELECT sql FROM sqlite_master WHERE sql > ''")]
    with closing(sqlite3.connect(tmp_path / "points.db")) as other:
        for statement in schema:
            other.execute(
                statement.replace('"order$', '"points$').replace("index_order_", "index_")
            )
        other.commit()
    books = await at_rest_beside(tmp_path)
    assert books is Verdict.BALANCED


async def at_rest_beside(data: Path) -> Verdict:
    """The verdict once the new store has heard all there is, which is nothing for it."""
    heard = """INSERT INTO "points$positions" (subscriber, publisher, lane, sequence)
        VALUES ('points', ?, ?, ?)"""
    with closing(sqlite3.connect(data / "points.db")) as other:
        for domain in discover().parts:
            with closing(sqlite3.connect(data / f"{domain}.db")) as store:
                lanes = store.execute(f'SELECT lane, next - 1 FROM "{domain}$lanes"').fetchall()
            other.executemany(heard, [(domain, lane, end) for lane, end in lanes])
        other.commit()
    return (await at_rest(data)).verdict
