"""A store that another program has locked when Odori starts is waited for, but not for ever."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from infra.engine.errors import LockedOut
from infra.engine.sqlite import SqliteEngine
from infra.settings import Settings
from streams import patience
from streams.system import System
from streams.worker import Worker
from tests.books.trading import trading


@pytest.fixture
def other(traded: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[sqlite3.Connection]:
    """Another program's connection to a store. A lock is given up soon; tests need not wait."""
    monkeypatch.setitem(SqliteEngine.open.__func__.__kwdefaults__, "busy_ms", 20)  # type: ignore[attr-defined]
    with closing(sqlite3.connect(traded / "order.db", isolation_level=None)) as connection:
        yield connection


async def test_a_lock_that_ends_is_waited_for(
    traded: Path, other: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether it is there before the store is opened, or comes just before a lane is taken."""
    told: list[str] = []
    take_lane = Worker._take_lane

    def ends(event: str, **facts: object) -> None:
        told.append(f"{event} {facts['store']}")
        other.execute("ROLLBACK")

    async def locked_first(worker: Worker) -> None:
        if worker.part.name == "order" and len(told) == 1:
            other.execute("BEGIN IMMEDIATE")
        await take_lane(worker)

    monkeypatch.setattr(patience, "observe", ends)
    monkeypatch.setattr(Worker, "_take_lane", locked_first)
    other.execute("BEGIN IMMEDIATE")
    async with trading(traded):
        assert told == ["store.locked order.db"] * 2


async def test_a_lock_that_does_not_end_is_told_with_the_store_and_the_limit(
    traded: Path, other: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "LOCK_LIMIT_S", 0)
    other.execute("BEGIN IMMEDIATE")
    system = System(Settings(data=traded))
    with pytest.raises(LockedOut, match=r"order.db: .*locked for 0 s"):
        await system.start()
    await system.stop()
