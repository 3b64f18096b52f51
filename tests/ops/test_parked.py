"""Parked deliveries are listed, shown and put back, beside a running system and without one."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from domains.order import steps
from streams.cli import main
from streams.parked import REPLAYS_MAX_COUNT
from tests.books.trading import (
    Ear,
    asked,
    at_rest,
    by_hand,
    open_shop,
    order,
    send,
    trading,
)


def odori(data: Path, *args: str) -> Result:
    return CliRunner().invoke(main, [*args, "--data", str(data)])


def told(data: Path, *args: str) -> Any:
    result = odori(data, *args, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.output)


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """A bug in order.confirm: what it hears is dead at once."""

    def bug(event: object, tx: object) -> None:
        raise AssertionError("a bug in confirm")

    monkeypatch.setattr(steps.domain.steps["confirm"], "function", bug)
    yield monkeypatch
    monkeypatch.undo()


async def with_a_dead_delivery(data: Path) -> None:
    async with trading(data) as system:
        await open_shop(system)
        ear = Ear(system)
        await send(system, order("O-1"))
        await ear.until("DeadLetter")


async def test_what_is_dead_is_listed_shown_and_put_back_while_nothing_runs(
    tmp_path: Path, broken: pytest.MonkeyPatch
) -> None:
    await with_a_dead_delivery(tmp_path)
    broken.undo()
    [listed] = await asyncio.to_thread(told, tmp_path, "parked", "list", "--state", "dead")
    assert (listed["saga"], listed["reason"]) == ("O-1", "a bug in confirm")
    saga = await asyncio.to_thread(odori, tmp_path, "saga", "O-1")
    assert "(dead, 1 attempt): a bug in confirm" in saga.output
    shown = await asyncio.to_thread(told, tmp_path, "parked", "show", listed["id"])
    assert json.loads(shown["value"])["orderId"] == "O-1"
    assert "AssertionError: a bug in confirm" in shown["error"]
    done = await asyncio.to_thread(
        told, tmp_path, "parked", "put-back", listed["id"], "--note", "mended"
    )
    assert done["putBack"] == [listed["id"]]
    [[note]] = asked(tmp_path, "order", 'SELECT note FROM "order$parked"')
    assert note.endswith(": mended")
    async with trading(tmp_path):
        books = await at_rest(tmp_path)
    assert (books.verdict, books.dead) == ("balanced", [])
    assert books.totals["orders confirmed"] == 1


async def test_a_running_system_tries_at_once_what_is_put_back(
    tmp_path: Path, broken: pytest.MonkeyPatch
) -> None:
    async with trading(tmp_path) as system:
        await open_shop(system)
        ear = Ear(system)
        await send(system, order("O-1"))
        await ear.until("DeadLetter")
        broken.undo()
        done = await asyncio.to_thread(
            told, tmp_path, "parked", "put-back", "--all", "--reason", "BUG in confirm"
        )
        assert len(done["putBack"]) == 1
        await ear.until("OrderConfirmed")
        assert (await at_rest(tmp_path)).dead == []


async def test_a_timer_earlier_than_the_one_it_waits_for_is_seen(
    tmp_path: Path, broken: pytest.MonkeyPatch
) -> None:
    """Inventory waits for a reservation's timer, in a quarter of an hour."""
    async with trading(tmp_path) as system:
        await open_shop(system)
        ear = Ear(system)
        wrong = system.topology.parts["inventory"].domain.steps["commit"]
        broken.setattr(wrong, "function", steps.domain.steps["confirm"].function)
        broken.setattr(steps.domain.steps["confirm"], "function", steps.confirm)
        await send(system, order("O-1"))
        await ear.until("DeadLetter")
        assert asked(tmp_path, "inventory", 'SELECT count(*) FROM "inventory$timers"') == [(1,)]
        broken.undo()
        await asyncio.to_thread(told, tmp_path, "parked", "put-back", "--all", "--saga", "O-1")
        await ear.until("StockCommitted")


async def test_a_dry_run_changes_nothing_and_the_loop_guard_needs_force(
    tmp_path: Path, broken: pytest.MonkeyPatch
) -> None:
    await with_a_dead_delivery(tmp_path)
    state = """SELECT state, replays FROM "order$parked\""""

    def putting_back() -> None:
        everything = ("parked", "put-back", "--all")
        assert told(tmp_path, *everything, "--dry-run")["putBack"]
        assert asked(tmp_path, "order", state) == [("dead", 0)]
        by_hand(tmp_path, "order", f'UPDATE "order$parked" SET replays = {REPLAYS_MAX_COUNT}')
        guarded = odori(tmp_path, *everything)
        assert guarded.exit_code == 1
        assert "--force" in guarded.output
        assert asked(tmp_path, "order", state) == [("dead", REPLAYS_MAX_COUNT)]
        assert told(tmp_path, *everything, "--force", "--rate", "2")["putBack"]
        assert asked(tmp_path, "order", state) == [("waiting", REPLAYS_MAX_COUNT + 1)]
        assert asked(tmp_path, "order", 'SELECT first, last FROM "order$parked_head"') == [(1, 1)]

    await asyncio.to_thread(putting_back)


def test_it_says_what_it_lacks(tmp_path: Path) -> None:
    assert odori(tmp_path, "parked", "list").exit_code == 3
    assert odori(tmp_path, "parked", "put-back").exit_code == 2
