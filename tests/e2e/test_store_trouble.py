"""A store that is locked by somebody else, or full: 503, nothing lost, and it goes on by itself."""

import asyncio
import resource
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.e2e.books import check_once, check_the_books
from tests.e2e.process import PATIENCE_SECONDS, Odori, up
from tests.e2e.shop import all_ended, order, query, stock_up

#: Far more than the trouble takes to show, far less than forever.
ORDERS_COUNT = 40
#: A lock is given up after 5 s; nobody needs to wait so long for a test.
IMPATIENT = """
from infra.engine.sqlite import SqliteEngine
SqliteEngine.open.__func__.__kwdefaults__["busy_ms"] = 300
"""


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Another process's write transaction on this file."""
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


async def ask(odori: Odori, order_id: str) -> int:
    """The answer to one order."""
    answer = await odori.client.post("/api/orders", json=order(order_id))
    if answer.status_code == 503:
        assert int(answer.headers["retry-after"]) > 0
        assert answer.headers["content-type"] == "application/problem+json"
    return answer.status_code


async def insist(odori: Odori, order_id: str) -> None:
    """Ask again until it is accepted."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while (status := await ask(odori, order_id)) != 202:
            assert status == 503


@pytest.mark.parametrize("domain", ["order", "inventory", "payment", "shipping"])
async def test_a_store_that_is_locked_for_longer_than_the_patience_loses_nothing(
    domain: str, tmp_path: Path
) -> None:
    ids = [f"O-{n}" for n in range(ORDERS_COUNT)]
    async with up(tmp_path, before=IMPATIENT) as odori:
        await stock_up(odori)
        with locked(tmp_path / f"{domain}.db"):
            asked = [asyncio.create_task(ask(odori, i)) for i in ids]
            await odori.until("store.trouble", domain=domain)
            answers = set(await asyncio.gather(*asked))
            assert answers == ({503} if domain == "order" else {202})
            assert (await odori.client.get("/healthz")).status_code == 200
        for order_id in ids:
            await insist(odori, order_id)
        await odori.when(lambda: all_ended(tmp_path, ORDERS_COUNT))
        assert await odori.stop() < 3
    check_the_books(tmp_path)
    check_once(tmp_path, ids)


async def test_a_process_that_is_told_to_end_while_its_store_is_locked_ends(
    tmp_path: Path,
) -> None:
    """At once, however long it would have waited before it tried again."""
    patient = "import streams.worker as w; w.TROUBLE_FIRST_S = w.TROUBLE_MAX_S = 3_600"
    async with up(tmp_path, before=f"{IMPATIENT}\n{patient}") as odori:
        await stock_up(odori)
        with locked(tmp_path / "inventory.db"):
            assert await ask(odori, "O-1") == 202
            await odori.until("store.trouble", domain="inventory")
            await odori.stop()
    async with up(tmp_path) as odori:
        await odori.when(lambda: all_ended(tmp_path, 1))
    check_once(tmp_path, ["O-1"])


async def test_a_full_disk_is_503_and_when_there_is_room_again_it_goes_on(tmp_path: Path) -> None:
    ids = [f"O-{n}" for n in range(ORDERS_COUNT)]
    async with up(tmp_path) as odori:
        await stock_up(odori)
        limit_file_size(odori, largest_file(tmp_path) + 50_000)
        accepted: list[str] = []
        async with asyncio.timeout(PATIENCE_SECONDS):
            while await ask(odori, f"F-{len(accepted)}") == 202:
                accepted.append(f"F-{len(accepted)}")
        assert await ask(odori, ids[0]) == 503
        await odori.until("store.trouble", domain="order")
        limit_file_size(odori, resource.RLIM_INFINITY)
        for order_id in ids:
            await insist(odori, order_id)
        await odori.when(lambda: {*accepted, *ids} <= set(query_ids(tmp_path)))
        await odori.when(lambda: all_ended(tmp_path, len(accepted) + len(ids)))
        assert await odori.stop() < 3
    check_the_books(tmp_path)
    check_once(tmp_path, accepted + ids)


def largest_file(data: Path) -> int:
    return max(path.stat().st_size for path in data.iterdir())


def limit_file_size(odori: Odori, size: int) -> None:
    """No file of that process may grow beyond this, as if the disk were full."""
    resource.prlimit(odori.process.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


def query_ids(data: Path) -> list[str]:
    return [row[0] for row in query(data, "order", 'SELECT order_id FROM "order$order"')]
