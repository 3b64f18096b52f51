"""Another process's commands beside a running system; requests whose process dies under them."""

import asyncio
import json
from pathlib import Path
from random import Random

import httpx
import pytest

from streams.intake.idempotency import ANONYMOUS, minted
from tests.e2e.books import check_once, check_the_books
from tests.e2e.process import Odori, run, up
from tests.e2e.shop import all_ended, order, post, query, statuses, stock_up

#: The promise is a second; the process that publishes needs one itself, on a busy machine more.
SEEN_LIMIT_SECONDS = 10
CROWD_COUNT = 300
LIVES_COUNT = 5


def lines(path: Path, prefix: str, count: int) -> list[str]:
    """A file of orders, and their ids."""
    ids = [f"{prefix}-{n}" for n in range(count)]
    path.write_text("\n".join(json.dumps(order(i)) for i in ids))
    return ids


async def test_a_command_that_another_process_published_is_seen_within_a_second(
    tmp_path: Path,
) -> None:
    data, file = tmp_path / "data", tmp_path / "orders.jsonl"
    async with up(data) as odori:
        await stock_up(odori)
        gaps = []
        for number in range(3):
            ids = lines(file, f"B{number}", 20)
            code, _, errors = await run("publish", file, "--via", "bus", "--data", data)
            assert code == 0, errors
            gaps += waits(data, f"B{number}-")
        assert await odori.stop() < 3
    print(f"published on the bus to placed: {min(gaps)} to {max(gaps)} ms")
    assert max(gaps) < SEEN_LIMIT_SECONDS * 1000
    check_the_books(data)
    check_once(data, ids)


def waits(data: Path, prefix: str) -> list[int]:
    """Milliseconds from each command's commit to that of its order."""
    said = query(data, "order", """SELECT type, json_extract(payload, '$.orderId'), tx_committed_at
        FROM "order$outbox" WHERE type LIKE 'odori.order.%Place%' """)  # fmt: skip
    asked, placed = ({order_id: at for type_, order_id, at in said if name in type_}
                     for name in ("PlaceOrder", "OrderPlaced"))  # fmt: skip
    return [placed[i] - at for i, at in asked.items() if i.startswith(prefix)]


async def test_who_catches_up_while_more_is_handed_over_skips_nothing_killed_or_not(
    tmp_path: Path,
) -> None:
    """A crowd lies in the outbox at the start, others come over HTTP and by the bus meanwhile."""
    data, chance = tmp_path / "data", Random(13)
    async with up(data) as odori:
        await stock_up(odori)
        await odori.stop()
    ids = lines(tmp_path / "crowd.jsonl", "C", CROWD_COUNT)
    code, out, errors = await run(
        "publish", tmp_path / "crowd.jsonl", "--via", "bus", "--data", data
    )
    assert code == 0, out + errors
    for life in range(LIVES_COUNT):
        async with up(data) as odori:
            ids += await crowd(odori, tmp_path / f"{life}.jsonl", f"L{life}")
            await asyncio.wait([asyncio.create_task(odori.process.wait())],
                               timeout=chance.uniform(0, 0.05))  # fmt: skip
            odori.kill()
    async with up(data) as odori:
        ids += await crowd(odori, tmp_path / "last.jsonl", "last")
        await odori.when(lambda: set(ids) <= statuses(data).keys())
        await odori.when(lambda: all_ended(data, len(ids)))
        await odori.stop()
    check_the_books(data)
    check_once(data, ids)


async def crowd(odori: Odori, file: Path, prefix: str) -> list[str]:
    """Orders over HTTP, while another process publishes others; their ids."""
    new, more = [f"{prefix}-h{n}" for n in range(20)], lines(file, f"{prefix}-b", 20)
    beside = run("publish", file, "--via", "bus", "--data", odori.data, "--patience", 1)
    posts = (post(odori, "/api/orders", order(i), {}) for i in new)
    await asyncio.gather(beside, *posts)
    return new + more


@pytest.mark.parametrize("seed", range(4))
async def test_a_key_in_flight_when_the_process_dies_is_answered_once_with_the_same_order(
    seed: int, tmp_path: Path
) -> None:
    await keys_in_flight(seed, tmp_path)


async def keys_in_flight(seed: int, tmp_path: Path) -> None:
    """The process dies at a moment that the seed chooses, and everybody asks again."""
    chance, keys = Random(seed), [f"k-{n}" for n in range(12)]
    async with up(tmp_path) as odori:
        await stock_up(odori)
        asked = [asyncio.create_task(ask(odori, key)) for key in keys]
        await asyncio.wait(asked, timeout=chance.uniform(0, 0.03))
        odori.kill()
        first = await asyncio.gather(*asked, return_exceptions=True)
    async with up(tmp_path) as odori:
        for key, before in zip(keys, first, strict=True):
            again = await ask(odori, key)
            repeated = await ask(odori, key)
            assert again.status_code == 202
            assert again.headers["location"] == f"/api/orders/{minted(ANONYMOUS, key)}"
            assert repeated.content == again.content
            if isinstance(before, httpx.Response):
                assert before.content == again.content
        other = await odori.client.post("/api/orders", json=order(None, customerId="bob"),
                                        headers={"idempotency-key": '"k-0"'})  # fmt: skip
        assert other.status_code == 422
        await odori.when(lambda: all_ended(tmp_path, len(keys)))
        await odori.stop()
    assert len(statuses(tmp_path)) == len(keys)
    check_the_books(tmp_path)
    check_once(tmp_path, statuses(tmp_path))


async def ask(odori: Odori, key: str) -> httpx.Response:
    headers = {"idempotency-key": f'"{key}"'}
    return await odori.client.post("/api/orders", json=order(None), headers=headers)
