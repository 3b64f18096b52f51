"""Clients that do one transaction after the other for a while, and what came of it."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass, field
from typing import Any

from infra.engine.api import Conflict
from tests.bench.driver import pause

#: The longest pause after a conflict; it doubles from a tenth of a millisecond.
PAUSE_MAX_S = 0.05

Work = Callable[[random.Random], Awaitable[None]]


@dataclass
class Report:
    """As the Java driver reports: a transaction's time has all its tries in it."""

    transactions: int = 0
    seconds: float = 0.0
    per_second: float = 0.0
    p50_ms: float = 0.0
    p99_ms: float = 0.0
    cpu_ms: float = 0.0
    conflicts: int = 0
    times: list[float] = field(default_factory=list, repr=False)

    def facts(self) -> dict[str, Any]:
        found = asdict(self)
        del found["times"]
        return found


async def run(work: Work, clients: int, warmup: float, seconds: float, orders: int = 1) -> Report:
    """`orders`: how many of them one piece of work does."""
    report, began = Report(), time.perf_counter()
    warm, end = began + warmup, began + warmup + seconds
    cpu = [0.0]

    async def client(number: int) -> None:
        chance = random.Random(number)
        while (now := time.perf_counter()) < end:
            if now >= warm and not cpu[0]:
                cpu[0] = time.process_time()
            tries = 0
            while True:
                try:
                    await work(chance)
                    break
                except Conflict:
                    tries += 1
                    await pause(min(PAUSE_MAX_S, 0.0001 * 2**tries) * chance.random())
            if now >= warm:
                report.times.append(time.perf_counter() - now)
                report.conflicts += tries

    await asyncio.gather(*(client(number) for number in range(clients)))
    report.seconds = time.perf_counter() - warm
    times = sorted(report.times)
    report.transactions = len(times) * orders
    report.per_second = report.transactions / report.seconds
    report.p50_ms = times[len(times) // 2] * 1_000
    report.p99_ms = times[int((len(times) - 1) * 0.99)] * 1_000
    report.cpu_ms = (time.process_time() - cpu[0]) * 1_000 / report.transactions
    return report
