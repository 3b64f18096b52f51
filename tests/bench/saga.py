"""Orders to the end of their saga, in one process: the most, how long at a rate, and how flat."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import uvloop

from infra.settings import Settings
from tests.bench.driver import Driver, Times, driving
from tests.bench.figures import Figure, percentile, rss_mb

#: Orders before anything is measured: code, statements and page caches are warm afterwards.
WARM_ORDERS = 1_000
#: Rates that the latency is measured at, beside half the maximum.
RATES = (100, 200)
#: Seconds that a system without work is watched.
IDLE_S = 3
#: Orders of one window of the flatness run.
FLAT_WINDOW_ORDERS = 10_000
SIDE_BY_SIDE = "system and floor"


@dataclass(frozen=True)
class Scale:
    """How much is measured."""

    orders: int = 20_000
    latency_seconds: float = 20
    flat_orders: int = 100_000
    burst_seconds: float = 10
    profiled_orders: int = 5_000


QUICK = Scale(
    orders=5_000, latency_seconds=5, flat_orders=2 * FLAT_WINDOW_ORDERS, burst_seconds=3,
    profiled_orders=2_000,
)  # fmt: skip


@contextmanager
def folder() -> Iterator[Path]:
    """A data folder of its own; TMPDIR says on which disk."""
    with tempfile.TemporaryDirectory(prefix="odori-bench-") as name:
        yield Path(name)


def measure(column: str, kafka: str, scale: Scale) -> list[Figure]:
    """One binding of the bus."""
    with folder() as data:
        return uvloop.run(_measure(column, Settings(data=data, kafka=kafka), scale))


async def _measure(column: str, settings: Settings, scale: Scale) -> list[Figure]:
    def figure(name: str, value: float, unit: str) -> None:
        figures.append(Figure(SIDE_BY_SIDE, name, column, value, unit))

    figures: list[Figure] = []
    async with driving(settings) as driver:
        figure("memory before", rss_mb(), "MB")
        await driver.all_out(WARM_ORDERS)
        spent = await driver.all_out(scale.orders)
        most = scale.orders / spent.wall
        figure("orders to their end", most, "1/s")
        figure("CPU", spent.per_order_us(spent.main + spent.threads), "us/order")
        figure("CPU: main thread", spent.per_order_us(spent.main), "us/order")
        figure("CPU: stores' threads", spent.per_order_us(spent.threads), "us/order")
        figure("commits", spent.commits / scale.orders, "1/order")
        figure("memory after this", rss_mb(), "MB")
        for name, rate in [*((f"{r}/s", r) for r in RATES), ("half the most", most / 2)]:
            figures += await _at_rate(driver, f"orders at {name}", column, rate, scale)
        idle = await driver.idle(IDLE_S)
        figure("idle, of one core", idle / IDLE_S * 100, "%")
    return figures


async def _at_rate(
    driver: Driver, section: str, column: str, rate: float, scale: Scale
) -> list[Figure]:
    times, spent = await driver.at_rate(rate, scale.latency_seconds)
    values = {
        ("offered", "1/s"): spent.orders / scale.latency_seconds,
        ("ended", "1/s"): spent.orders / spent.wall,
        ("CPU", "us/order"): spent.per_order_us(spent.main + spent.threads),
        ("commits", "1/order"): spent.commits / spent.orders,
    }
    for name, seconds in _named(times):
        for percent in (50, 99):
            values[f"{name} p{percent}", "ms"] = percentile(seconds, percent) * 1000
    return [Figure(section, name, column, value, unit) for (name, unit), value in values.items()]


def _named(times: Times) -> list[tuple[str, list[float]]]:
    return [
        ("arrival to answer", times.answered),
        ("answer to end", times.between),
        ("arrival to end", times.ended),
    ]


def flat(scale: Scale) -> list[Figure]:
    """The cost per order as the stores grow."""
    with folder() as data:
        return uvloop.run(_flat(Settings(data=data), scale.flat_orders))


async def _flat(settings: Settings, count: int) -> list[Figure]:
    figures: list[Figure] = []
    async with driving(settings) as driver:
        await driver.all_out(WARM_ORDERS)
        for done in range(0, count, FLAT_WINDOW_ORDERS):
            figures += await _window(driver, done + FLAT_WINDOW_ORDERS)
    return figures


async def _window(driver: Driver, reached: int) -> list[Figure]:
    spent = await driver.all_out(FLAT_WINDOW_ORDERS)
    section, name = "as the stores grow", f"up to {reached:,} orders"
    cpu = spent.per_order_us(spent.main + spent.threads)
    return [
        Figure(section, name, "orders/s", FLAT_WINDOW_ORDERS / spent.wall, ""),
        Figure(section, name, "CPU us/order", cpu, ""),
        Figure(section, name, "RSS MB", rss_mb(), ""),
    ]
