"""What breaks things: it breaks them, and mends them again."""

import asyncio
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from infra.chaos.clock import Clock, library
from infra.chaos.process import Process
from infra.chaos.proxy import Proxy
from infra.chaos.target import NotStarted
from tests.services import need

DELAY_S = 0.1
LIVING = "import time; print('it is up at nowhere', flush=True); time.sleep(600)"
CLOCKS = "import time; print(time.time() - {}, time.monotonic() - {})"


@asynccontextmanager
async def echo() -> AsyncIterator[Proxy]:
    """A proxy before a server that says everything again."""

    async def say_again(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(100):
            writer.write(data)
        writer.close()

    async with await asyncio.start_server(say_again, "127.0.0.1", 0) as server, Proxy() as proxy:
        proxy.target = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield proxy


class Line:
    """A connection of one client."""

    def __init__(self, proxy: Proxy) -> None:
        self._proxy = proxy

    async def __aenter__(self) -> "Line":
        host, port = self._proxy.address.split(":")
        self._reader, self._writer = await asyncio.open_connection(host, int(port))
        return self

    async def __aexit__(self, *_: object) -> None:
        self._writer.close()
        with suppress(OSError):
            await self._writer.wait_closed()

    async def says_again(self) -> bool:
        """Whether what is said comes back."""
        try:
            self._writer.write(b"hello")
            return await self._reader.read(100) == b"hello"
        except ConnectionError:
            return False


async def passes(proxy: Proxy) -> bool:
    async with Line(proxy) as line:
        return await line.says_again()


async def test_a_proxy_passes_on_what_is_said_in_both_directions() -> None:
    async with echo() as proxy:
        assert await passes(proxy)


async def test_a_wire_that_is_cut_is_reset_and_nobody_gets_through_until_it_is_mended() -> None:
    async with echo() as proxy:
        async with Line(proxy) as line:
            assert await line.says_again()
            assert proxy.cut() == 1
            assert not await line.says_again()
        assert not await passes(proxy)
        proxy.mend()
        assert await passes(proxy)


async def test_a_slow_wire_holds_back_each_direction_until_it_is_mended() -> None:
    async with echo() as proxy:
        proxy.delay(DELAY_S)
        began = time.monotonic()
        assert await passes(proxy)
        assert time.monotonic() - began >= 2 * DELAY_S
        proxy.mend()
        began = time.monotonic()
        assert await passes(proxy)
        assert time.monotonic() - began < 2 * DELAY_S


async def test_a_server_that_is_gone_is_gone_behind_its_proxy_too() -> None:
    async with echo() as proxy:
        with socket.create_server(("127.0.0.1", 0)) as gone:
            proxy.target = f"127.0.0.1:{gone.getsockname()[1]}"
        assert not await passes(proxy)


def living(folder: Path, program: str = LIVING) -> Process:
    return Process("it", [sys.executable, "-c", program], {}, folder / "it.log", " is up at ")


def test_a_process_is_killed_and_is_there_again_with_what_it_says(tmp_path: Path) -> None:
    process = living(tmp_path)
    for end in (process.kill, process.stop):
        process.start()
        assert process.said == "it is up at nowhere"
        process.pause()
        assert process.alive()
        process.resume()
        end()
        assert not process.alive()


def test_a_process_that_is_paused_can_be_ended(tmp_path: Path) -> None:
    process = living(tmp_path)
    process.start()
    process.pause()
    process.stop()
    assert not process.alive()


def test_a_process_that_ends_instead_is_told_with_its_last_words(tmp_path: Path) -> None:
    process = living(tmp_path, "raise SystemExit('no port is free')")
    with pytest.raises(NotStarted, match="it did not start: no port is free"):
        process.start()


@pytest.mark.service
@pytest.mark.parametrize("ahead", [3_600, -60, 0])
def test_the_clock_of_one_process_is_moved_and_its_stop_watch_is_not(
    ahead: int, tmp_path: Path
) -> None:
    found = library()
    if found is None:
        need("clocks are moved by libfaketime (Debian: apt-get install libfaketime)")
        return
    clock = Clock(found, tmp_path / "clock")
    clock.move(ahead)
    program = CLOCKS.format(time.time(), time.monotonic())
    said = subprocess.run(
        [sys.executable, "-c", program],
        env=clock.environ, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    moved, measured = map(float, said.split())
    assert moved == pytest.approx(ahead, abs=30)
    assert 0 <= measured < 30
