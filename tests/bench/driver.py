"""Drives a running system in this process: orders in, and the moment each of them has ended."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import islice
from random import Random

from infra.settings import Settings
from infra.tuning import tune_process
from schemas.inventory import StockCommitted, StockReleased
from schemas.message import Command, Message
from schemas.order import OrderCancelled, PlaceOrder
from schemas.payment import PaymentRefunded
from streams.delivery import Result
from streams.envelope import Envelope
from streams.system import System
from tests.bench.load import PRODUCTS, delivery, orders, preparation

#: Orders under way at a time when the most is wanted: a full batch for each of four domains. More
#: were seen to be slower, fewer to be hardly faster.
WINDOW_ORDERS = 600
#: Commands of the preparation under way at a time.
PREPARED_AT_ONCE = 2_000
#: How often a state without a signal of its own is looked at.
LOOK_INTERVAL_S = 0.05
#: Without a single end for so long, something is broken.
PATIENCE_S = 60

#: How many of these messages an order says until it has ended.
LAST: dict[type[Message], int] = {
    StockCommitted: 1,
    OrderCancelled: 3, StockReleased: 3, PaymentRefunded: 3,
}  # fmt: skip


class BenchFailed(Exception):
    """The system did not do what was measured."""


@dataclass(frozen=True)
class Spent:
    """What a stretch of work took: seconds of the clock and of processors, and commits."""

    orders: int
    wall: float
    main: float
    threads: float
    commits: int

    def since(self, earlier: "Spent") -> "Spent":
        """What was spent between two moments."""
        return Spent(
            self.orders - earlier.orders, self.wall - earlier.wall, self.main - earlier.main,
            self.threads - earlier.threads, self.commits - earlier.commits,
        )  # fmt: skip

    def per_order_us(self, seconds: float) -> float:
        return seconds / self.orders * 1e6


@dataclass
class Times:
    """Seconds from each order's due arrival to its answer and its end."""

    answered: list[float] = field(default_factory=list)
    ended: list[float] = field(default_factory=list)
    #: Seconds from the answer to the end.
    between: list[float] = field(default_factory=list)


class Driver:
    """Hands orders in, and hears through a tap when they end."""

    def __init__(self, system: System) -> None:
        self.system = system
        self._times: Times | None = None
        self._orders = orders()
        self._last = {message.spec.wire: count for message, count in LAST.items()}
        self._missing: dict[str, int] = {}
        self._due: dict[str, tuple[float, float]] = {}
        self._given, self._ended = 0, 0
        self._news = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._trouble = ""
        system.taps.append(self._hear)

    def _hear(self, batch: Sequence[Envelope]) -> None:
        now = time.perf_counter()
        for envelope in batch:
            wanted = self._last.get(envelope.type)
            if wanted is None:
                continue
            if wanted > 1:
                left = self._missing.pop(envelope.saga, wanted) - 1
                if left:
                    self._missing[envelope.saga] = left
                    continue
            self._ended += 1
            if self._times is not None:
                due, answered = self._due.pop(envelope.saga)
                self._times.ended.append(now - due)
                self._times.between.append(now - answered)
        self._news.set()

    async def hand_in(self, command: Command) -> None:
        """Submit, and insist on success."""
        outcome = await self.system.submit(command.spec.domain, delivery(command))
        if outcome.result is not Result.DONE:
            self._trouble = f"{outcome.result} {outcome.error}"
            self._news.set()

    async def _place(self, order: PlaceOrder, due: float) -> None:
        await self.hand_in(order)
        if self._times is not None:
            now = time.perf_counter()
            self._times.answered.append(now - due)
            self._due[order.order_id] = due, now

    def _begin(self, due: float) -> None:
        self._given += 1
        task = asyncio.create_task(self._place(next(self._orders), due))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _until_under_way(self, limit: int) -> None:
        while self._given - self._ended > limit:
            self._news.clear()
            try:
                async with asyncio.timeout(PATIENCE_S):
                    await self._news.wait()
            except TimeoutError:
                self._trouble = f"{self._given - self._ended} orders do not end"
            if self._trouble:
                raise BenchFailed(self._trouble)

    async def all_out(self, count: int) -> Spent:
        """So many orders as fast as they go, with a bounded window; until the last has ended."""
        taken = self._take()
        for _ in range(count):
            await self._until_under_way(WINDOW_ORDERS - 1)
            self._begin(0.0)
        await self._until_under_way(0)
        return self._take().since(taken)

    def _take(self) -> Spent:
        main = time.thread_time()
        threads = time.process_time() - main
        return Spent(self._given, time.perf_counter(), main, threads, self._commits())

    def _commits(self) -> int:
        """Each commit of a worker is a beat of its lane."""
        return sum(worker.handler.lane.row.beat for worker in self.system.workers.values())

    async def at_rate(self, rate: float, seconds: float) -> tuple[Times, Spent]:
        """Orders that arrive by chance at this rate, whatever the system does."""
        loop, random, at = asyncio.get_running_loop(), Random(2), 0.0
        self._times = times = Times()
        taken, start = self._take(), loop.time()
        while (at := at + random.expovariate(rate)) < seconds:
            loop.call_at(start + at, self._arrive, taken.wall + at)
        await pause(seconds)
        await self._until_under_way(0)
        self._times = None
        return times, self._take().since(taken)

    async def idle(self, seconds: float) -> float:
        """Seconds of the processor while nothing is asked."""
        taken = time.process_time()
        await pause(seconds)
        return time.process_time() - taken

    def _arrive(self, due: float) -> None:
        self._begin(min(due, time.perf_counter()))  # the loop's clock knows milliseconds only

    async def prepare(self) -> None:
        """Products, wallets, places; until order knows every product."""
        commands = preparation()
        while some := list(islice(commands, PREPARED_AT_ONCE)):
            await asyncio.gather(*(self.hand_in(command) for command in some))
        if self._trouble:
            raise BenchFailed(self._trouble)
        reader, known = self.system.stores["order"].reader, 0
        async with asyncio.timeout(PATIENCE_S):
            while known < PRODUCTS:
                await pause(LOOK_INTERVAL_S)
                known = int((await reader.query('SELECT count(*) FROM "order$listing"'))[0][0])


async def pause(seconds: float) -> None:
    """Until the loop's clock says so."""
    over = asyncio.Event()
    asyncio.get_running_loop().call_later(seconds, over.set)
    await over.wait()


@asynccontextmanager
async def driving(settings: Settings) -> AsyncIterator[Driver]:
    """A prepared system, tuned as the served one is."""
    # A broker that has just begun says for a while that it is not ready.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    system = System(settings)
    await system.start()
    try:
        driver = Driver(system)
        await driver.prepare()
        tune_process()
        yield driver
    finally:
        await system.stop()
