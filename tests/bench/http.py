"""Orders over HTTP from another process: a burst, what it leaves waiting, and the sustained rate;
and how long a start takes.
"""

import json
import subprocess
import sys
from pathlib import Path

import uvloop

from infra.settings import Settings
from tests.bench.driver import BenchFailed, driving
from tests.bench.figures import Figure
from tests.bench.saga import SIDE_BY_SIDE, Scale, folder
from tests.bench.served import Served, serving

#: Starts that are measured; the middle one counts.
STARTS = 3


def measure(scale: Scale) -> list[Figure]:
    """A burst on a prepared folder."""
    with folder() as data:
        uvloop.run(_prepared(Settings(data=data), 0))
        with serving(data) as served:
            _burst(served, 1)
            return _measured(served, scale.burst_seconds)


def _measured(served: Served, seconds: float) -> list[Figure]:
    before, cpu = served.ended(), served.cpu_seconds
    said = _burst(served, seconds)
    waiting = before + said["accepted"] - served.ended()
    drained = served.until_ended(before + int(said["accepted"]))
    cpu = served.cpu_seconds - cpu
    values = {
        ("accepted in a burst", "1/s"): said["accepted"] / said["seconds"],
        ("  refused with 503", "1/s"): said["busy"] / said["seconds"],
        ("  request to answer p50", "ms"): said["p50_ms"],
        ("  request to answer p99", "ms"): said["p99_ms"],
        ("  not ended at its end", "orders"): waiting,
        ("  until they had ended", "s"): drained,
        ("orders to their end", "1/s"): said["accepted"] / (said["seconds"] + drained),
        ("CPU", "us/order"): cpu / said["accepted"] * 1e6,
        ("CPU: of the load generator", "us/order"): said["cpu_seconds"] / said["accepted"] * 1e6,
        ("memory after this", "MB"): served.rss_mb,
    }
    return [Figure(SIDE_BY_SIDE, n, "http", value, unit) for (n, unit), value in values.items()]


def _burst(served: Served, seconds: float) -> dict[str, float]:
    command = [sys.executable, "-m", "tests.bench.caller", served.url, str(seconds)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise BenchFailed(f"the load generator failed: {done.stderr[-500:]}")
    said: dict[str, float] = json.loads(done.stdout)
    return said


async def _prepared(settings: Settings, orders: int) -> None:
    async with driving(settings) as driver:
        if orders:
            await driver.all_out(orders)


def startup(scale: Scale) -> list[Figure]:
    """From the start of the process to its first answer, on nothing and on what a run left."""
    with folder() as used:
        uvloop.run(_prepared(Settings(data=used), scale.orders))
        return _starts("empty folder", None) + _starts(f"after {scale.orders:,} orders", used)


def _starts(name: str, data: Path | None) -> list[Figure]:
    starts, stops = [], []
    for _ in range(STARTS):
        with folder() as empty:
            served = Served(empty if data is None else data)
            starts.append(served.start_seconds)
            stops.append(served.stop())
    section = "start and stop"
    return [
        Figure(section, name, "ready after", sorted(starts)[STARTS // 2], "s"),
        Figure(section, name, "stopped after", sorted(stops)[STARTS // 2], "s"),
    ]
