"""Which thread SQLite works in: the caller's for what is short, its own for everything else."""

import asyncio
import sqlite3
from collections.abc import Coroutine
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from infra.engine.errors import Unavailable
from infra.engine.sqlite import SqliteEngine, worker
from infra.engine.sqlite.file import BUSY_WAIT_MS
from infra.engine.sqlite.session import BRIEF_MAX_ROWS
from tests.conformance.engine.cases import APPLE, PEAR, STOCK, TABLES, read, stored, values


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "shop.db"


@pytest.fixture(autouse=True)
def a_quick_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "BRIEF_LIMIT_S", 60.0)


async def opened(path: Path) -> SqliteEngine:
    engine = SqliteEngine.open(path)
    await engine.apply(TABLES)
    return engine


async def a_turn() -> None:
    """Let everything that is ready run once."""
    turned = asyncio.Event()
    asyncio.get_running_loop().call_soon(turned.set)
    await turned.wait()


async def suspends(work: Coroutine[Any, Any, Any]) -> bool:
    """Whether it lets the event loop run before it is done; it is done afterwards."""
    task = asyncio.ensure_future(work)
    await a_turn()
    at_once = task.done()
    await task
    return not at_once


async def many(engine: SqliteEngine, rows: int) -> None:
    tx = engine.begin()
    tx.insert_new(STOCK, [("fruit", f"p{i}", 1, None) for i in range(rows)])
    await tx.commit()


async def test_what_is_short_is_done_by_the_caller(path: Path) -> None:
    engine = await opened(path)
    assert not await suspends(stored(engine, (*APPLE, 3, None)))
    assert not await suspends(read(engine, APPLE))
    await engine.close()


async def test_very_many_rows_are_written_in_the_other_thread(path: Path) -> None:
    engine = await opened(path)
    assert await suspends(many(engine, BRIEF_MAX_ROWS + 1))
    await engine.close()


async def test_a_slow_disk_is_waited_for_in_the_other_thread_and_tried_again(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = await opened(path)
    monkeypatch.setattr(worker, "BRIEF_LIMIT_S", -1.0)
    assert not await suspends(stored(engine, (*APPLE, 3, None)))
    assert await suspends(stored(engine, (*PEAR, 3, None)))
    monkeypatch.setattr(engine.storage.worker, "_thread_until", 0.0)  # that time has passed
    assert not await suspends(stored(engine, ("fruit", "plum", 3, None)))
    await engine.close()


async def test_nothing_passes_a_call_that_is_under_way(path: Path) -> None:
    engine = await opened(path)
    first = asyncio.ensure_future(many(engine, BRIEF_MAX_ROWS + 1))
    await a_turn()
    assert await suspends(read(engine, APPLE))
    await first
    await engine.close()


async def test_a_caller_that_gave_up_does_not_make_its_call_pass_for_done(path: Path) -> None:
    engine = await opened(path)
    first = asyncio.ensure_future(many(engine, BRIEF_MAX_ROWS + 1))
    await a_turn()
    first.cancel()
    assert not engine.storage.worker.idle()
    await engine.close()


async def test_another_writer_of_the_file_does_not_hold_up_the_event_loop(path: Path) -> None:
    engine = await opened(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        waiting = asyncio.ensure_future(stored(engine, (*APPLE, 3, None)))
        for _ in range(10):
            await a_turn()
        assert not waiting.done(), "it waits, and this test runs on"
        other.execute("ROLLBACK")
        await waiting
    assert await values(engine, APPLE) == (*APPLE, 3, None)
    await engine.close()


async def test_a_call_behind_the_close_is_told_so(path: Path) -> None:
    engine = await opened(path)
    ending = asyncio.ensure_future(engine.close())
    await a_turn()
    with pytest.raises(Unavailable, match="is closed"):
        await stored(engine, (*APPLE, 3, None))
    await ending
    with pytest.raises(Unavailable, match="is closed"):
        await read(engine, APPLE)


async def test_closing_does_not_wait_for_readers(path: Path) -> None:
    engine = await opened(path)
    await stored(engine, (*APPLE, 3, None))
    with closing(sqlite3.connect(path, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM sqlite_master").fetchall()
        async with asyncio.timeout(BUSY_WAIT_MS / 1000 / 2):
            await engine.close()
    again = await opened(path)
    assert await values(again, APPLE) == (*APPLE, 3, None)
    await again.close()
