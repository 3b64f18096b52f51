"""Several processes over one PostgreSQL: each has a data folder of its own."""

import asyncio
import signal
from pathlib import Path

import asyncpg
import httpx
import pytest

from infra.engine.postgres.lock import PROCESS_LOCK
from infra.settings import Settings
from streams import system, worker
from streams.home import InUse
from streams.intake.health import readiness
from tests.books.trading import asked, trading
from tests.e2e.books import announced, check_once, check_the_books
from tests.e2e.process import PATIENCE_SECONDS, run, up
from tests.e2e.shop import all_ended, order, query, stock_up
from tests.stores import remember, store_of
from tests.trade import COMMERCE

ORDERS_COUNT = 60
HOLDS_COUNT = 20
#: Of an idle lane, one a second.
BEATS_COUNT = 7
WAITING = "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted)"

pytestmark = pytest.mark.service


async def test_on_the_embedded_bus_a_second_process_is_refused(tmp_path: Path) -> None:
    other = tmp_path / "other"
    remember(other, store_of(tmp_path))
    async with trading(tmp_path):
        with pytest.raises(InUse, match=r"another Odori runs on postgresql://.*ODORI_KAFKA"):
            async with trading(other):
                pass
    async with trading(other):
        """The first one has left, and took nothing along."""


async def test_a_process_starts_although_the_one_before_it_was_killed_a_moment_ago(
    tmp_path: Path,
) -> None:
    killed = await asyncpg.connect(store_of(tmp_path))  # which the server believes to be there
    await killed.execute(f"SELECT pg_advisory_lock({PROCESS_LOCK})")

    async def noticed() -> None:
        while not await killed.fetchval(WAITING):
            pass  # every look is a question to the server
        await killed.close()

    noticing = asyncio.create_task(noticed())
    async with asyncio.timeout(PATIENCE_SECONDS), trading(tmp_path):
        await noticing


async def test_over_kafka_two_share_the_work_and_one_ends_what_the_other_began(
    tmp_path: Path, emptied: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ODORI_HOLD_SECONDS", "1")
    first, second = tmp_path / "first", tmp_path / "second"
    for data in (first, second):
        remember(data, store_of(tmp_path))
    ids = [f"P-{n}" for n in range(ORDERS_COUNT)]
    async with up(first, kafka=emptied) as one, up(second, kafka=emptied) as two:
        await stock_up(one)
        await asyncio.gather(*(hold(two.client, n) for n in range(HOLDS_COUNT)))
        await two.when(lambda: "HELD" not in holds(second))  # whose timers both have seen
        await asyncio.gather(*(place(one.client, i) for i in ids[::2]))
        one.kill()
        await asyncio.gather(*(place(two.client, i) for i in ids[1::2]))
        await two.when(lambda: all_ended(second, ORDERS_COUNT))
        code, said, errors = await run(
            "check", "--wait", 60, "--data", second, environ={"ODORI_KAFKA": emptied}
        )
        assert (code, errors) == (0, ""), said
        assert await two.stop() < 3
    check_once(second, ids)
    told = announced(second)
    assert [told[f"hold:H-{n}"]["HoldReleased"] for n in range(HOLDS_COUNT)] == [1] * HOLDS_COUNT


async def test_a_process_that_was_stopped_writes_nothing_more_in_the_lanes_that_were_adopted(
    tmp_path: Path, emptied: str
) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    for data in (first, second):
        remember(data, store_of(tmp_path))
    ids = [f"P-{n}" for n in range(ORDERS_COUNT)]
    async with up(first, kafka=emptied) as one:
        await stock_up(one)
        mine = lanes(first).keys()
        async with up(second, kafka=emptied) as two:
            await asyncio.gather(*(place(one.client, i) for i in ids[::3]))
            one.process.send_signal(signal.SIGSTOP)
            await asyncio.gather(*(place(two.client, i) for i in ids[1::3]))
            await two.when(lambda: all(lanes(second)[name][0] == "retired" for name in mine))
            left = {name: lanes(second)[name] for name in mine}
            one.process.send_signal(signal.SIGCONT)
            await asyncio.gather(*(place(one.client, i) for i in ids[2::3]))
            await two.when(lambda: all_ended(second, ORDERS_COUNT))
            assert {name: lanes(second)[name] for name in mine} == left
            assert lanes(second).keys() > mine
            await asyncio.gather(one.stop(), two.stop())
    check_the_books(second)
    check_once(second, ids)


def lanes(data: Path) -> dict[str, tuple[str, int]]:
    """Each lane of all domains, its state and how far it reaches."""
    found = (query(data, d, f'SELECT lane, state, next FROM "{d}$lanes"') for d in COMMERCE)
    return {lane: (state, next_) for rows in found for lane, state, next_ in rows}


async def test_an_idle_process_is_not_taken_for_a_dead_one(
    tmp_path: Path, emptied: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(system, "ADOPT_AFTER_S", 4.0)
    monkeypatch.setattr(worker, "BEAT_INTERVAL_S", 1.0)
    both = []
    for name in ("first", "second"):
        found = Settings(data=tmp_path / name, kafka=emptied, store=store_of(tmp_path))
        both.append(system.System(found))
    try:
        for one in both:
            await one.start()
        mine = {w.handler.lane.name: w for one in both for w in one.workers.values()}
        async with asyncio.timeout(PATIENCE_SECONDS):
            for lane in mine.values():  # longer than it takes to be adopted
                while lane.handler.lane.row.beat < BEATS_COUNT:
                    await readiness(both[0])  # asks database and broker
        assert {w.handler.lane.name: w for one in both for w in one.workers.values()} == mine
        states = asked(tmp_path, "order", 'SELECT DISTINCT state FROM "order$lanes"')
        assert states == [("open",)]
    finally:
        await asyncio.gather(*(one.stop() for one in both))


async def place(client: httpx.AsyncClient, id_: str) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        answer = await client.post("/api/orders", json=order(id_))
    assert answer.status_code == 202, answer.text


async def hold(client: httpx.AsyncClient, number: int) -> None:
    body = {
        "orderId": f"H-{number}",
        "customerId": "ann",
        "items": [{"productId": "tea", "quantity": 1}],
    }
    answer = await client.post("/api/inventory/reserve", json=body)
    assert answer.status_code == 202, answer.text


def holds(data: Path) -> set[str]:
    """What became of them."""
    sql = """SELECT status FROM "inventory$reservation" WHERE substr(order_id, 1, 2) = 'H-'"""
    return {status for (status,) in query(data, "inventory", sql)}
