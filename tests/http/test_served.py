"""The same over a real socket: start, stop, streams, and two processes on one folder."""

import asyncio
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from time import monotonic

import httpx
import pytest

from streams.folder import running
from streams.intake.body import BODY_MAX_BYTES
from streams.intake.idempotency import ANONYMOUS, minted
from tests.http.house import PATIENCE_SECONDS, dump, order

ROOT = Path(__file__).parents[2]
#: What a clean stop may take.
STOP_SECONDS = 2


async def start(data: Path, *more: str) -> Process:
    command = [sys.executable, "-m", "tests.http.up", str(data), *more]
    return await asyncio.create_subprocess_exec(*command, stdout=PIPE, stderr=PIPE, cwd=ROOT)


async def url_of(process: Process) -> str:
    assert process.stdout is not None
    async with asyncio.timeout(PATIENCE_SECONDS):
        line = (await process.stdout.readline()).decode().strip()
    if not line:
        _, errors = await process.communicate()
        raise AssertionError(errors.decode())
    return line


@asynccontextmanager
async def served(data: Path) -> AsyncIterator[tuple[Process, httpx.AsyncClient]]:
    process = await start(data)
    try:
        async with httpx.AsyncClient(base_url=await url_of(process)) as client:
            yield process, client
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_ends_it_cleanly_and_soon_even_while_somebody_watches(
    tmp_path: Path, number: signal.Signals
) -> None:
    async with served(tmp_path) as (process, client):
        async with client.stream("GET", "/dashboard/events") as stream:
            lines = stream.aiter_lines()
            assert await anext(lines) == "event: parts"
            asked = monotonic()
            process.send_signal(number)
            assert await process.wait() == 0
            assert monotonic() - asked < STOP_SECONDS
        assert process.stderr is not None
        assert await process.stderr.read() == b""


async def test_it_says_where_it_is(tmp_path: Path) -> None:
    async with served(tmp_path) as (process, client):
        assert running(tmp_path) == {
            "url": str(client.base_url).rstrip("/"),
            "pid": process.pid,
            "kafka": "",
            "store": "",
        }
        assert (await client.get("/readyz")).json()["ready"] is True


async def test_a_second_process_on_the_same_folder_is_refused_with_one_sentence(
    tmp_path: Path,
) -> None:
    async with served(tmp_path) as (process, client):
        second = await start(tmp_path)
        _, errors = await second.communicate()
        assert second.returncode == 1
        assert errors.decode().count("\n") == 1
        assert f"pid {process.pid}" in errors.decode()
        assert (await client.get("/healthz")).status_code == 200
        assert running(tmp_path)["pid"] == process.pid


async def test_a_port_that_is_taken_is_refused_with_one_sentence(tmp_path: Path) -> None:
    async with served(tmp_path / "one") as (_, client):
        second = await start(tmp_path / "two", str(client.base_url.port))
        _, errors = await second.communicate()
        assert second.returncode == 1
        assert errors.decode().startswith("cannot listen on 127.0.0.1")
        assert errors.decode().count("\n") == 1


async def stock_up(data: Path) -> None:
    """One product on the shelf, in order's copy of the catalogue, too."""
    async with served(data) as (_, client):
        key = (data / "operator.key").read_text()
        product = {
            "productId": "tea", "productName": "Tea", "category": "drinks", "currency": "USD",
            "unitPrice": "4.50", "quantity": 10,
        }  # fmt: skip
        await client.post(
            "/api/inventory/list-product", json=product, headers={"x-odori-operator-key": key}
        )
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not (await client.get("/api/order/listing")).json()["rows"]:
                pass  # every look is a request


async def test_what_was_accepted_is_there_after_kill_minus_nine(tmp_path: Path) -> None:
    await stock_up(tmp_path)
    async with served(tmp_path) as (process, client):
        answer = await client.post("/api/orders", json=order())
        assert answer.status_code == 202
        process.kill()
        await process.wait()
    async with served(tmp_path) as (_, client):
        assert (await client.get(answer.headers["location"])).status_code == 200


@pytest.mark.parametrize("milliseconds", [0, 2, 5, 12])
async def test_a_key_whose_process_was_killed_is_answered_by_the_next_one_with_the_same_id(
    tmp_path: Path, milliseconds: int
) -> None:
    await stock_up(tmp_path)
    keyed = {"idempotency-key": '"k-1"'}
    async with served(tmp_path) as (process, client):
        await client.get("/healthz")  # the connection is there already
        sent = asyncio.create_task(client.post("/api/orders", json=order(None), headers=keyed))
        await asyncio.wait([sent], timeout=milliseconds / 1000)
        process.kill()
        await process.wait()
        first = (await asyncio.gather(sent, return_exceptions=True))[0]
    async with served(tmp_path) as (_, client):
        for _ in range(2):
            again = await client.post("/api/orders", json=order(None), headers=keyed)
            assert again.status_code == 202
            assert again.headers["location"] == f"/api/orders/{minted(ANONYMOUS, 'k-1')}"
            if isinstance(first, httpx.Response):
                assert first.content == again.content
        assert len((await client.get("/api/order/order?customerId=ann")).json()["rows"]) == 1


@pytest.mark.parametrize("declared", [True, False])
async def test_a_body_over_the_limit_is_413_on_a_real_connection(
    tmp_path: Path, declared: bool
) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(BODY_MAX_BYTES // 4096 + 8):
            yield b" " * 4096

    async with served(tmp_path) as (_, client):
        before = dump(tmp_path / "order.db")["order$outbox"]
        content = b" " * (BODY_MAX_BYTES + 1) if declared else chunks()
        headers = {"content-type": "application/json"}
        answer = await client.post("/api/orders", content=content, headers=headers)
        assert answer.status_code == 413
        assert (await client.get("/healthz")).status_code == 200
        assert dump(tmp_path / "order.db")["order$outbox"] == before
