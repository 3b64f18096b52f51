"""A data folder's stores by plain SQL, whatever keeps them; the SQL is as SQLite reads it."""

import asyncio
import json
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

from streams.folder import running

Rows = list[tuple[Any, ...]]


def remember(data: Path, store: str) -> None:
    """Have the folder say that its stores are there, as if it had run so before."""
    data.mkdir(parents=True, exist_ok=True)
    (data / "up.json").write_text(json.dumps({"store": store}))


def store_of(data: Path) -> str:
    """The ODORI_STORE of a folder."""
    return str(running(data).get("store", ""))


def execute(data: Path, domain: str, sql: str) -> Rows:
    """One statement on one store, committed, beside whoever uses it."""
    store = "" if domain == "provider" else store_of(data)
    if store:
        return on_postgres(store, sql)
    with closing(sqlite3.connect(data / f"{domain}.db")) as connection:
        found = connection.execute(sql).fetchall()
        connection.commit()
        return found


def on_postgres(url: str, sql: str) -> Rows:
    """The same from any thread, also where an event loop runs."""
    with ThreadPoolExecutor(1) as one:
        return one.submit(asyncio.run, _on_postgres(url, sql)).result()


async def _on_postgres(url: str, sql: str) -> Rows:
    import asyncpg

    from infra.engine.postgres.plain import spoken

    connection = await asyncpg.connect(url)
    try:
        return [tuple(row) for row in await connection.fetch(spoken(sql))]
    finally:
        await connection.close()
