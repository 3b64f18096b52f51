"""Where the main thread's time goes: a run under the profiler, shared out by part of the code."""

import asyncio
import cProfile
import pstats
from collections import Counter
from typing import Any

import uvloop

from infra.settings import Settings
from tests.bench.driver import driving
from tests.bench.figures import Figure
from tests.bench.saga import WARM_ORDERS, Scale, folder

#: Part by a piece of its path; the first that fits counts.
_PARTS = (
    "/tests/", "/streams/", "/domains/", "/schemas/", "/compensations/", "/infra/engine/",
    "/infra/bus/", "/infra/", "/aiokafka/", "/pydantic", "/prometheus_client/", "/asyncio/",
)  # fmt: skip
#: (file, line, function), as the profiler names what ran.
Place = tuple[str, int, str]


def measure(column: str, kafka: str, scale: Scale) -> list[Figure]:
    """Shares in percent; the profiler slows calls, so that they hold for parts, not for lines."""
    with folder() as data:
        settings = Settings(data=data, kafka=kafka)
        shares = uvloop.run(_profiled(settings, scale.profiled_orders))
    section = "main thread by part, under the profiler"
    return [Figure(section, part, column, share, "%") for part, share in shares]


async def _profiled(settings: Settings, count: int) -> list[tuple[str, float]]:
    async with driving(settings) as driver:
        await driver.all_out(WARM_ORDERS)
        profile = cProfile.Profile()
        # In a task of its own: the profiler then also sees what the loop runs meanwhile.
        profile.enable()
        await asyncio.create_task(driver.all_out(count))
        profile.disable()
    stats: dict[Place, Any] = pstats.Stats(profile).stats  # type: ignore[attr-defined]
    spent = Counter[str]()
    for place, (_, _, own, _, callers) in stats.items():
        if place[0] == "~" and callers:  # built in: it works for those who call it
            for caller, (_, _, for_caller, _) in callers.items():
                spent[_part(caller)] += for_caller
        else:
            spent[_part(place)] += own
    total = spent.total()
    return [(part, seconds / total * 100) for part, seconds in spent.most_common()]


def _part(place: Place) -> str:
    path = place[0].replace("\\", "/")
    part = next((part for part in _PARTS if part in path), "the rest of Python")
    return "the benchmark itself" if part == "/tests/" else part.strip("/")
