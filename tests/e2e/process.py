"""A real `odori up` in a process of its own: started, watched, killed, paused and asked."""

import asyncio
import json
import os
import re
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from time import monotonic
from typing import Any

import httpx

#: Seconds after which something that was to happen counts as not happening.
PATIENCE_SECONDS = 60
#: Where a part of Odori says that its own folder is.
PLACE = re.compile(r"folder: (.*?)\)")
#: A consumer that is taken for dead within the time a test has.
SHORT_SESSION = {
    "ODORI_KAFKA_SESSION_TIMEOUT_MS": "1500",
    "ODORI_KAFKA_HEARTBEAT_INTERVAL_MS": "300",
}


async def run(*arguments: object, environ: Mapping[str, str] | None = None) -> tuple[int, str, str]:
    """A command line of Odori to its end: exit code, output, errors."""
    process = await spawn(*arguments, environ=environ)
    async with ended(process):
        out, errors = await asyncio.wait_for(process.communicate(), PATIENCE_SECONDS * 2)
    return process.returncode or 0, out.decode(), errors.decode()


async def spawn(
    *arguments: object, environ: Mapping[str, str] | None = None, before: str = ""
) -> Process:
    """Start a command line of Odori; `before` is Python that runs first, in that process."""
    program = f"{before}\nfrom streams.cli import main; main(prog_name='odori')"
    command = [sys.executable, "-c", program, *map(str, arguments)]
    env = {**os.environ, **(environ or {})}
    # structlog's and Kafka's lines are short, a traceback in one of them is not
    return await asyncio.create_subprocess_exec(
        *command, env=env, stdout=PIPE, stderr=PIPE, limit=1 << 20
    )


@asynccontextmanager
async def ended(process: Process) -> AsyncIterator[None]:
    """Whatever happens inside, this process does not outlive it."""
    try:
        yield
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGCONT)
            process.kill()
        await process.wait()


class Odori:
    """One running system; its log is read as it is written."""

    def __init__(self, process: Process, data: Path) -> None:
        self.process = process
        self.data = data
        self.log: list[dict[str, Any]] = []
        self.noise: list[str] = []
        self._news = asyncio.Event()
        self._reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        assert self.process.stderr is not None
        while line := await self.process.stderr.readline():
            try:
                self.log.append(json.loads(line))
            except ValueError:
                self.noise.append(line.decode())
            self._news.set()
        self._news.set()

    async def _begin(self) -> None:
        assert self.process.stdout is not None
        said = await asyncio.wait_for(self.process.stdout.readline(), PATIENCE_SECONDS)
        if b" is up" not in said:
            await self._reading
            raise AssertionError(f"{said.decode()}{''.join(self.noise)}{self.log}")
        part = PLACE.search(said.decode())
        self.folder = Path(part[1]) if part else self.data
        self.url = json.loads((self.folder / "up.json").read_text())["url"]
        self.client = httpx.AsyncClient(base_url=self.url, timeout=PATIENCE_SECONDS)

    async def until(self, event: str, after: int = 0, **facts: object) -> dict[str, Any]:
        """The log line of this event, from line `after` on, as soon as it is written."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                for line in self.log[after:]:
                    if line["event"] == event and facts.items() <= line.items():
                        return line
                after = len(self.log)
                assert not self._reading.done(), f"it ended without {event}"
                self._news.clear()
                await self._news.wait()

    async def looks(self) -> AsyncIterator[None]:
        """Comes by whenever the dashboard has looked: the moment to look as well."""
        async with self.client.stream("GET", "/dashboard/events") as stream:
            async for line in stream.aiter_lines():
                if line == "event: parts":
                    yield

    async def when(self, true: Callable[[], bool]) -> None:
        """Look now and at every look of the dashboard until this holds."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not true():
                async for _ in self.looks():
                    if true():
                        return

    def kill(self) -> None:
        self.process.kill()

    async def stop(self, number: signal.Signals = signal.SIGTERM) -> float:
        """Ask it to end; it must end well. The seconds that took."""
        asked = monotonic()
        self.process.send_signal(number)
        assert await asyncio.wait_for(self.process.wait(), PATIENCE_SECONDS) == 0, self.log[-3:]
        return monotonic() - asked

    async def close(self) -> None:
        """After its end: nothing is left open here."""
        await self._reading
        if hasattr(self, "client"):
            await self.client.aclose()


@asynccontextmanager
async def up(
    data: Path,
    *,
    command: Sequence[str] = ("up",),
    kafka: str = "",
    before: str = "",
    meanwhile: Coroutine[Any, Any, None] | None = None,
) -> AsyncIterator[Odori]:
    """An Odori that answers, or the part of one that `command` starts; killed afterwards if nobody
    ended it. `meanwhile` happens after it has begun to start."""
    environ = {"ODORI_KAFKA": kafka, **(SHORT_SESSION if kafka else {})}
    environ["ODORI_START_SECONDS"] = str(PATIENCE_SECONDS)
    process = await spawn(*command, "--port", 0, "--data", data, environ=environ, before=before)
    odori = Odori(process, data)
    async with ended(process):
        try:
            if meanwhile:
                await meanwhile
            await odori._begin()
            yield odori
        finally:
            if process.returncode is None:
                process.send_signal(signal.SIGCONT)
                process.kill()
            await odori.close()
