"""kill -9 under load, again and again: what was answered 202 ends, once, and the books balance."""

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from random import Random
from time import monotonic
from typing import Any

import httpx
import pytest

from tests.e2e.books import check_once, check_the_books
from tests.e2e.process import PATIENCE_SECONDS, Odori, ended, run, spawn, up
from tests.e2e.shop import all_ended, any_order, cancel, query, stock_up

#: How often the process is killed; some of them before it has said that it is up.
KILLS_COUNT = 22
#: Customers who order at the same time, each with one request under way.
CUSTOMERS_COUNT = 12
#: Answers that one life may give at most.
ANSWERS_MAX_COUNT = 60
#: How orders end, in a day that is long enough.
REASONS = {None, "stock", "funds", "destination", "customer"}
#: The latest moment of a kill before a process has said that it is up.
BIRTH_SECONDS = 1.2


class Street:
    """Customers who order for ever; whose answer is lost asks again, with the same id."""

    def __init__(self, chance: Random) -> None:
        self.chance = chance
        self.accepted: dict[str, dict[str, Any]] = {}
        self.answers = self.lost = self.cancels = 0
        self.news = asyncio.Condition()
        self._open = asyncio.Event()
        self._closing = False
        self._client: httpx.AsyncClient | None = None

    async def visit(self, odori: Odori, answers: int) -> None:
        """Let the customers in until so many more were answered."""
        goal, self._client = self.answers + answers, odori.client
        self._open.set()
        async with self.news, asyncio.timeout(PATIENCE_SECONDS):
            await self.news.wait_for(lambda: self.answers >= goal)

    def shut(self) -> None:
        """The process is about to die: whoever asks waits for the next one."""
        self._open.clear()

    def finish(self) -> None:
        """No new orders; those under way are asked to their end."""
        self._closing = True

    async def customer(self) -> None:
        while not self._closing:
            body = any_order(self.chance)
            answer = await self._ask("/api/orders", body)
            assert answer.status_code == 202, answer.text
            self.accepted[body["orderId"]] = body
            if self.chance.random() < 0.2:
                answer = await self._ask("/api/order/cancel-order", cancel(body))
                assert answer.status_code in (202, 409), answer.text
                self.cancels += 1

    async def _ask(self, path: str, body: Any) -> httpx.Response:
        while True:
            await self._open.wait()
            client = self._client
            assert client is not None
            try:
                answer = await client.post(path, json=body)
            except (httpx.TransportError, RuntimeError):
                self.lost += 1
                if client is self._client:
                    self._open.clear()  # this one is dead
                continue
            if answer.status_code != 503:  # it was told to come again
                async with self.news:
                    self.answers += 1
                    self.news.notify_all()
                return answer


async def killed_being_born(data: Path, kafka: str, seconds: float) -> None:
    process = await spawn("up", "--port", 0, "--data", data, environ={"ODORI_KAFKA": kafka})
    async with ended(process):
        await asyncio.wait([asyncio.create_task(process.wait())], timeout=seconds)
    assert process.returncode == -9


async def lives(data: Path, kafka: str, street: Street, kills: int) -> None:
    """All lives but the last."""
    chance = Random(street.chance.random())
    for number in range(kills):
        if number and chance.random() < 0.2:
            await killed_being_born(data, kafka, chance.uniform(0, BIRTH_SECONDS))
            continue
        async with up(data, kafka=kafka) as odori:
            if not number:
                await stock_up(odori)
            await street.visit(odori, chance.randint(1, ANSWERS_MAX_COUNT))
            await asyncio.wait([asyncio.create_task(odori.process.wait())],
                               timeout=chance.uniform(0, 0.02))  # fmt: skip
            assert odori.process.returncode is None, odori.log[-3:]
            odori.kill()
            street.shut()


async def killed_again_and_again(
    data: Path, kafka: str, say: Callable[[str], None], kills: int = KILLS_COUNT
) -> set[str | None]:
    """Why orders were cancelled, where they were."""
    seed = int(os.environ.get("ODORI_SEED") or Random().getrandbits(32))
    say(f"seed: ODORI_SEED={seed}")
    began, street = monotonic(), Street(Random(seed))
    customers = [asyncio.create_task(street.customer()) for _ in range(CUSTOMERS_COUNT)]
    await lives(data, kafka, street, kills)
    async with up(data, kafka=kafka) as odori:
        street.finish()
        await street.visit(odori, 0)
        await asyncio.wait_for(asyncio.gather(*customers), PATIENCE_SECONDS)
        await odori.when(lambda: all_ended(data, len(street.accepted)))
        for body in list(street.accepted.values())[-20:]:
            again = await odori.client.post("/api/orders", json=body)
            assert (again.status_code, again.json()["repeated"]) == (202, True)
        code, said, errors = await run(
            "check", "--wait", 30, "--data", data, environ={"ODORI_KAFKA": kafka}
        )
        assert (code, errors) == (0, ""), said
        assert await odori.stop() < 3
        assert odori.noise == []
    check_the_books(data)
    check_once(data, street.accepted)
    say(f"{len(street.accepted)} orders, {street.cancels} cancels, {street.lost} lost answers, "
        f"{kills} kills in {monotonic() - began:.0f} s")  # fmt: skip
    return {reason for (reason,) in query(data, "order", 'SELECT reason FROM "order$order"')}


async def test_killed_again_and_again_nothing_is_lost_and_nothing_happens_twice(
    tmp_path: Path,
) -> None:
    assert await killed_again_and_again(tmp_path, "", print) >= REASONS


@pytest.mark.service
async def test_killed_again_and_again_over_kafka_nothing_is_lost_and_nothing_happens_twice(
    tmp_path: Path, kafka: str
) -> None:
    assert await killed_again_and_again(tmp_path, kafka, print) >= REASONS
