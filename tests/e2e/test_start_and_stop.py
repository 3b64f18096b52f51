"""Starting soon, ending cleanly, alone on a folder, and refusing in one sentence."""

import asyncio
import signal
from contextlib import suppress
from pathlib import Path
from time import monotonic

import httpx
import pytest

from tests.e2e.process import PATIENCE_SECONDS, run, spawn, up
from tests.e2e.shop import all_ended, order, post, statuses, stock_up
from tests.services.process import free_ports

#: A guard against a start that became slow, not a measurement: it takes 1 s on a quiet machine.
START_LIMIT_SECONDS = 10
STOP_LIMIT_SECONDS = 3
#: What `odori` answers when something could not be done.
CANNOT = 3


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_it_is_ready_soon_and_ends_cleanly_under_load(
    number: signal.Signals, tmp_path: Path
) -> None:
    began = monotonic()
    async with up(tmp_path) as odori:
        ready = monotonic() - began
        assert (await odori.client.get("/readyz")).status_code == 200
        assert ready < START_LIMIT_SECONDS
        await stock_up(odori)
        for n in range(50):
            await post(odori, "/api/orders", order(f"O-{n}"), {})
        stopped = await odori.stop(number)
    print(f"ready after {ready:.2f} s, stopped after {stopped:.2f} s")
    assert stopped < STOP_LIMIT_SECONDS
    assert odori.noise == []
    assert len(statuses(tmp_path)) == 50


async def test_a_second_one_on_the_same_folder_is_refused_with_one_sentence(
    tmp_path: Path,
) -> None:
    async with up(tmp_path) as odori:
        code, out, errors = await run("up", "--port", 0, "--data", tmp_path)
        assert (code, out) == (CANNOT, "")
        assert errors.count("\n") == 1
        assert f"in use by another `odori up` (pid {odori.process.pid})" in errors
        assert (await odori.client.get("/readyz")).status_code == 200


async def test_a_folder_is_free_again_after_kill_minus_nine(tmp_path: Path) -> None:
    async with up(tmp_path) as odori:
        odori.kill()
        await odori.process.wait()
    async with up(tmp_path) as odori:
        await odori.stop()


async def test_a_broker_that_is_not_there_is_told_with_one_sentence(tmp_path: Path) -> None:
    [port] = free_ports(1)
    process = await spawn(
        "up", "--port", 0, "--data", tmp_path,
        environ={"ODORI_KAFKA": f"127.0.0.1:{port}", "ODORI_START_SECONDS": "0"},
    )  # fmt: skip
    out, errors = await process.communicate()
    assert (process.returncode, out) == (CANNOT, b"")
    assert f"no Kafka answers at 127.0.0.1:{port}" in errors.decode().splitlines()[-1]
    assert b"Traceback" not in errors


async def test_a_file_that_is_no_database_is_told_with_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "order.db").write_bytes(b"this is no database, whatever its name says" * 100)
    code, out, errors = await run("up", "--port", 0, "--data", tmp_path)
    assert (code, out) == (CANNOT, "")
    assert "not a database" in errors
    assert errors.count("\n") == 1


async def test_a_bug_that_ends_a_worker_ends_the_process_and_says_so(tmp_path: Path) -> None:
    """No supervisor takes it for a clean end, and the next process does what was accepted."""
    bug = """
from streams.relay import Relay
async def broken(self):
    if self.lane.name.startswith("order-") and self.last > 4:
        raise ZeroDivisionError("a bug")
    return await flush(self)
flush, Relay.flush = Relay.flush, broken
"""
    async with up(tmp_path, before=bug) as odori:
        await stock_up(odori)
        for n in range(5):
            with suppress(httpx.TransportError):  # it is ending
                await odori.client.post("/api/orders", json=order(f"O-{n}"))
        assert await asyncio.wait_for(odori.process.wait(), PATIENCE_SECONDS) == CANNOT
    assert any(line["event"] == "worker.died" for line in odori.log)
    assert "order died of a bug" in odori.noise[-1]
    async with up(tmp_path) as odori:
        await odori.when(lambda: all_ended(tmp_path, len(statuses(tmp_path))))
        assert len(statuses(tmp_path)) >= 4
