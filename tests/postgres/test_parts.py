"""Workers, intakes and the dashboard as processes of their own over Kafka and PostgreSQL."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from time import monotonic

import httpx
import pytest
from confluent_kafka.admin import AdminClient

from tests.e2e.books import announced, check_once, check_the_books
from tests.e2e.process import PATIENCE_SECONDS, Odori, up
from tests.e2e.shop import all_ended, order, post, stock_up

WORKERS = ("order", "inventory", "payment", "shipping")
ORDERS_COUNT = 40
LAST_COUNT = 10

pytestmark = pytest.mark.service


@asynccontextmanager
async def parts(data: Path, kafka: str, *commands: str) -> AsyncIterator[list[Odori]]:
    """These parts of one Odori, started together; stopped as one stops them."""
    async with AsyncExitStack() as stack:
        starting = (
            stack.enter_async_context(up(data, kafka=kafka, command=words.split()))
            for words in commands
        )
        yield (found := list(await asyncio.gather(*starting)))
        await asyncio.gather(*(p.stop() for p in found if p.process.returncode is None))


async def told(dashboard: Odori) -> str:
    """What the dashboard says of all domains together."""
    answer = await dashboard.client.get("/", headers={"accept": "application/json"})
    return str(answer.json()["readiness"])


async def test_each_part_does_its_own_and_together_they_dance(tmp_path: Path, emptied: str) -> None:
    data = tmp_path / "data"
    everything = [f"work {domain}" for domain in WORKERS]
    everything += ["work order shipping", "intake", "intake", "dashboard"]
    async with parts(data, emptied, *everything) as (worker, *_, one, two, dashboard):
        await stock_up(one)
        ids = [f"P-{n}" for n in range(ORDERS_COUNT)]
        await asyncio.gather(
            *(post((one, two)[n % 2], "/api/orders", order(i), {}) for n, i in enumerate(ids))
        )
        await dashboard.when(lambda: all_ended(data, ORDERS_COUNT))
        same = [await asked(intake, "k") for intake in (one, two)]
        assert same[0].content == same[1].content
        assert {one.folder.name, two.folder.name} == {"intake-1", "intake-2"}
        assert await told(dashboard) == "ready"
        assert (await dashboard.client.post("/api/orders", json=order("N"))).status_code == 404
        assert (await worker.client.post("/api/payment/open-wallet", json={})).status_code == 404
        last = [f"L-{n}" for n in range(LAST_COUNT)]
        await asyncio.gather(*(post(two, "/api/orders", order(i), {}) for i in last))
        two.kill()  # a worker adopts the lane that it left
        await two.process.wait()
        await dashboard.when(lambda: all_ended(data, ORDERS_COUNT + LAST_COUNT + 1))
    check_the_books(data)
    check_once(data, [*ids, *last])


async def test_three_workers_share_the_partitions_which_move_as_they_come_die_and_go(
    tmp_path: Path, emptied: str
) -> None:
    data, everything = tmp_path / "data", f"work {' '.join(WORKERS)}"
    admin, ids = AdminClient({"bootstrap.servers": emptied}), [f"W-{n}" for n in range(40)]
    async with parts(data, emptied, "intake", everything, everything) as (intake, one, _):
        await stock_up(intake)
        async with parts(data, emptied, everything) as (third,):
            await asyncio.to_thread(until_shared, admin, [1, 1, 2])
            await asyncio.gather(*(post(intake, "/api/orders", order(i), {}) for i in ids[:20]))
            third.kill()
            await third.process.wait()
        await asyncio.to_thread(until_shared, admin, [2, 2])
        await asyncio.gather(*(post(intake, "/api/orders", order(i), {}) for i in ids[20:]))
        await intake.when(lambda: all_ended(data, len(ids)))
        await one.stop()
        await asyncio.to_thread(until_shared, admin, [4])
    check_the_books(data)
    check_once(data, ids)


def until_shared(admin: AdminClient, wanted: list[int]) -> None:
    """Return when the members of each domain's group have so many partitions of its topics."""
    groups = [f"{domain}.e1" for domain in WORKERS]
    end, counts = monotonic() + PATIENCE_SECONDS, {}
    while monotonic() < end:
        asked = admin.describe_consumer_groups(groups, request_timeout=PATIENCE_SECONDS)
        for group, answer in asked.items():
            places = [m.assignment.topic_partitions for m in answer.result().members]
            counts[group] = sorted(len({p.partition for p in member}) for member in places)
        if all(found == wanted for found in counts.values()):
            return
    raise AssertionError(counts)


async def asked(intake: Odori, key: str) -> httpx.Response:
    headers = {"idempotency-key": f'"{key}"'}
    return await intake.client.post("/api/orders", json=order(None), headers=headers)


async def test_an_intake_alone_takes_orders_and_who_works_is_told(
    tmp_path: Path, emptied: str
) -> None:
    data = tmp_path / "data"
    async with parts(data, emptied, "intake", "dashboard") as (intake, dashboard):
        async with parts(data, emptied, *(f"work {d}" for d in WORKERS)) as workers:
            await stock_up(intake)
            await asyncio.gather(*(worker.stop() for worker in workers))
        assert (await post(intake, "/api/orders", order("A-1"), {})).status_code == 202
        assert (await intake.client.get("/readyz")).status_code == 200
        assert "no process hears as order.e1" in await told(dashboard)
        async with parts(data, emptied, "work order shipping payment inventory"):
            await dashboard.when(lambda: all_ended(data, 1))
    assert announced(data)
