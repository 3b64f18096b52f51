"""A store that is locked by somebody else, or full: 503, nothing lost, and it goes on by itself."""

import asyncio
import os
import resource
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.e2e.books import check_once, check_the_books
from tests.e2e.process import PATIENCE_SECONDS, Odori, up
from tests.e2e.shop import all_ended, order, query, stock_up
from tests.services import need

#: Far more than the trouble takes to show, far less than forever.
ORDERS_COUNT = 40
#: A disk on which a small shop has room, and what is left of it when it is nearly full.
DISK_BYTES, ROOM_BYTES = 16 << 20, 1 << 20
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


async def test_a_disk_without_any_room_is_503_and_with_room_again_it_goes_on(
    tmp_path: Path,
) -> None:
    """ENOSPC for every file of the data folder, where the test above ends one file's growth."""
    ids = [f"O-{n}" for n in range(ORDERS_COUNT)]
    with small_disk(tmp_path / "disk") as data:
        async with up(data) as odori:
            await stock_up(odori)
            ballast = fill(data, leaving=ROOM_BYTES)
            accepted: list[str] = []
            async with asyncio.timeout(PATIENCE_SECONDS):
                while await ask(odori, f"F-{len(accepted)}") == 202:
                    accepted.append(f"F-{len(accepted)}")
            refused = await odori.client.post("/api/orders", json=order(ids[0]))
            assert refused.status_code == 503
            assert "disk is full" in refused.json()["detail"]
            await odori.until("store.trouble", domain="order")
            assert (await odori.client.get("/healthz")).status_code == 200
            ballast.unlink()
            for order_id in ids:
                await insist(odori, order_id)
            await odori.when(lambda: {*accepted, *ids} <= set(query_ids(data)))
            await odori.when(lambda: all_ended(data, len(accepted) + len(ids)))
            assert await odori.stop() < 3
        check_the_books(data)
        check_once(data, accepted + ids)


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """A file system of a few MB. Only root may mount one, and not in every container: without it
    the test above, which limits the size of files, has to do."""
    need(None if os.geteuid() == 0 else "only root may mount a small disk")
    folder.mkdir()
    size = f"size={DISK_BYTES}"
    asked = ["mount", "-t", "tmpfs", "-o", size, "tmpfs", str(folder)]
    mounted = subprocess.run(asked, capture_output=True, text=True)
    if mounted.returncode:
        pytest.skip(f"full for one file only, this container mounts none: {mounted.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def fill(data: Path, leaving: int) -> Path:
    """A file that takes the room of a disk, but for so many bytes."""
    room, ballast = os.statvfs(data), data / "ballast"
    with ballast.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, room.f_bavail * room.f_frsize - leaving)
    return ballast


def largest_file(data: Path) -> int:
    return max(path.stat().st_size for path in data.iterdir())


def limit_file_size(odori: Odori, size: int) -> None:
    """No file of that process may grow beyond this, as if the disk were full."""
    resource.prlimit(odori.process.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


def query_ids(data: Path) -> list[str]:
    return [row[0] for row in query(data, "order", 'SELECT order_id FROM "order$order"')]
