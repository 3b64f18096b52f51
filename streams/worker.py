"""One domain at work: gathers what has arrived, handles it as one batch, hands on what it said."""

import asyncio
import os
import signal
import traceback
from collections import Counter, deque
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Protocol

from infra.engine.errors import Conflict, EngineError, LockedOut, Unavailable
from infra.observe import observe
from schemas.catalogue import Catalogue
from streams.bus import Arrival, Bus, Subscription
from streams.codec import to_millis
from streams.delivery import Delivery, Outcome, Via
from streams.envelope import Envelope
from streams.handle import Handled, Handler
from streams.lane import LaneLost, open_lane
from streams.operator import is_operators
from streams.perform import Answer
from streams.relay import Relay
from streams.rows import LaneRow
from streams.store import Store
from streams.timers import due_deliveries, next_due
from streams.trace import trace_id
from streams.writes import Mark

#: Deliveries handled in one transaction.
BATCH_MAX_MESSAGES = 500
#: Bytes of bodies handled in one transaction.
BATCH_MAX_BYTES = 4_000_000
#: Commands that wait for an answer; more are refused with 503.
COMMANDS_MAX_COUNT = 5_000
#: How long an idle worker waits before it looks around.
IDLE_INTERVAL_S = 1.0
#: How often positions and the lane's published mark are written down without a batch to carry them.
NOTE_INTERVAL_S = 1.0
#: The first wait while the store is in trouble; it doubles.
TROUBLE_FIRST_S = 0.05
#: The longest wait while the store is in trouble.
TROUBLE_MAX_S = 5.0


#: Hears what a batch announced, after its commit; must not wait.
Tap = Callable[[Sequence[Envelope]], None]


class Noting(Protocol):
    """Knows positions that are to be written now and then."""

    def notes(self) -> list[Mark]:
        """Those that moved since the last call."""


class Overloaded(Exception):
    """More commands wait than this worker takes; try again later."""


class StoreTrouble(Exception):
    """The store did not take the command; nothing was done; try again later."""


class Worker:
    """Runs one domain of one process."""

    def __init__(
        self,
        store: Store,
        catalogue: Catalogue,
        bus: Bus,
        now: Callable[[], datetime],
        answer: Answer,
        taps: Sequence[Tap] = (),
        operator_key: str = "",
    ) -> None:
        self.store = store
        self.part = store.part
        self._catalogue = catalogue
        self._bus = bus
        self._now = now
        self._answer = answer
        self._taps = taps
        self._operator_key = operator_key
        self._commands: deque[tuple[Delivery, asyncio.Future[Outcome]]] = deque()
        self._wake = asyncio.Event()
        self._due: int | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._poll: asyncio.Task[list[Arrival]] | None = None
        self._lane_task: asyncio.Task[None] | None = None
        self._stopping = False
        self._noticed = False
        self._noted_at = 0.0
        #: Whoever else keeps its positions in this store, by subscriber; written with ours.
        self.beside: dict[str, Noting] = {}
        #: Called when a task of this worker dies of a bug; the process must not limp on.
        self.failed: Callable[[BaseException | None], None] = _crash

    async def start(self) -> None:
        """Take a lane, subscribe, begin."""
        self.subscription: Subscription = await self._bus.subscribe(
            self.part.name, self.part.topics, self.part.skip
        )
        await self._take_lane()
        self._spawn(self._run(), f"worker {self.part.name}")

    async def _take_lane(self) -> None:
        """A lane of our own, with nothing remembered of the one before."""
        if self._lane_task is not None:
            self._lane_task.cancel()
        lane = await open_lane(self.store.engine, self.store.codec(LaneRow), self.part.name)
        self.handler = Handler(
            self.part, self._catalogue, self.store.engine, lane, self._now, self._answer,
            exclusive=True,
        )  # fmt: skip
        self.relay = Relay(self._bus, self.store, lane)
        self._lane_task = self._spawn(self.relay.run(), f"relay {lane.name}")
        await self._look()

    def notice(self) -> None:
        """Somebody else wrote in this store: look again at what may concern this worker."""
        self._noticed = True
        self._wake.set()

    async def _look(self) -> None:
        self._noticed = False
        self._due = await next_due(self.store)
        await self.handler.learn_parked()

    def _spawn(self, work: Coroutine[None, None, None], name: str) -> "asyncio.Task[None]":
        task = asyncio.create_task(work, name=name)
        task.add_done_callback(self._ended)
        self._tasks = [t for t in self._tasks if not t.done()] + [task]
        return task

    def _ended(self, task: "asyncio.Task[None]") -> None:
        if not task.cancelled() and task.exception() is not None:
            self.failed(task.exception())

    async def submit(self, delivery: Delivery) -> Outcome:
        """Handle a command and wait for its commit; concurrent callers share one.

        Raises Overloaded or StoreTrouble with nothing done.
        """
        if len(self._commands) >= COMMANDS_MAX_COUNT:
            raise Overloaded(self.part.name)
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._commands.append((delivery, future))
        self._wake.set()
        return await future

    @property
    def waiting(self) -> int:
        """Commands that wait to be handled."""
        return len(self._commands)

    @property
    def alive(self) -> bool:
        """Whether everything that this worker started still runs."""
        return bool(self._tasks) and not any(task.done() for task in self._tasks)

    async def stop(self) -> None:
        """Finish the batch under way, publish it, note how far everything got."""
        self._stopping = True
        self._wake.set()
        for task in self._tasks:
            if task is self._lane_task:
                task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        if self._poll is not None:
            self._poll.cancel()
        while self._commands:
            _, future = self._commands.popleft()
            if not future.done():
                future.set_exception(StoreTrouble("the service is stopping"))
        with suppress(EngineError, LaneLost):
            await self.relay.flush()
            await self.handler.beat(self._notes())
        await self.subscription.close()

    # the loop

    async def _run(self) -> None:
        while not self._stopping:
            commands, arrivals, timers = await self._gather()
            batch = [delivery for delivery, _ in commands]
            skip = self.part.skip
            batch += [
                self._delivery(arrival)
                for arrival in arrivals
                if arrival.envelope is None or arrival.envelope.type not in skip
            ]
            batch += timers
            if batch:
                await self._turn(batch, arrivals, [f for _, f in commands])
            await self._note()

    def _delivery(self, arrival: Arrival) -> Delivery:
        envelope = arrival.envelope
        operators = envelope is not None and is_operators(self._operator_key, envelope)
        return Delivery(envelope, Via.BUS, arrival, operator=operators)

    async def _gather(
        self,
    ) -> tuple[list[tuple[Delivery, asyncio.Future[Outcome]]], list[Arrival], list[Delivery]]:
        """What is there now, or what comes first: commands, arrivals, due timers."""
        early = self._polled()
        await asyncio.sleep(0)
        if not early.done() and not self._commands and not self._stopping:
            await self._rest()
        arrivals = self._take_polled()
        if arrivals and len(arrivals) < BATCH_MAX_MESSAGES:
            # A poll that waited since the last batch has only what came first; now see the rest.
            self._polled()
            await asyncio.sleep(0)
            arrivals += self._take_polled()
        count = min(len(self._commands), BATCH_MAX_MESSAGES)
        commands = [self._commands.popleft() for _ in range(count)]
        return commands, arrivals, await self._timers()

    async def _rest(self) -> None:
        """Wait for an arrival, a command, a timer, or the time to look around."""
        self._wake.clear()
        alarm = asyncio.get_running_loop().call_later(self._patience(), self._wake.set)
        await self._wake.wait()
        alarm.cancel()

    def _polled(self) -> "asyncio.Task[list[Arrival]]":
        """The poll under way: one at a time, and never given up for a command, so that a flood of
        commands cannot starve a subscriber that must read its way forward."""
        if self._poll is None:
            poll = self.subscription.poll(BATCH_MAX_MESSAGES, BATCH_MAX_BYTES)
            self._poll = asyncio.ensure_future(poll)
            self._poll.add_done_callback(lambda _: self._wake.set())
        return self._poll

    def _take_polled(self) -> list[Arrival]:
        if self._poll is None or not self._poll.done():
            return []
        arrivals, self._poll = self._poll.result(), None
        return arrivals

    def _patience(self) -> float:
        if self._due is None:
            return IDLE_INTERVAL_S
        left = (self._due - to_millis(self._now())) / 1000
        return max(0.0, min(left, IDLE_INTERVAL_S))

    async def _timers(self) -> list[Delivery]:
        if self._due is None or self._due > to_millis(self._now()):
            return []
        timers = await due_deliveries(self.store, self._catalogue, self._now())
        if not timers:
            self._due = await next_due(self.store)
        return timers

    async def _turn(
        self,
        batch: list[Delivery],
        arrivals: list[Arrival],
        futures: list["asyncio.Future[Outcome]"],
    ) -> None:
        """Handle one batch to its end, however long the store is in trouble."""
        wait = TROUBLE_FIRST_S
        while True:
            try:
                handled = await self.handler.handle(batch)
                break
            except LaneLost:
                await self._take_lane()
            except (Unavailable, LockedOut, Conflict) as error:
                observe("store.trouble", domain=self.part.name, error=str(error))
                batch, futures = self._give_up_on_commands(batch, futures, error)
                if not batch or self._stopping:
                    return
                await asyncio.sleep(wait)
                wait = min(wait * 2, TROUBLE_MAX_S)
        self._finish(batch, handled, arrivals, futures)

    @staticmethod
    def _give_up_on_commands(
        batch: list[Delivery], futures: list["asyncio.Future[Outcome]"], error: EngineError
    ) -> tuple[list[Delivery], list["asyncio.Future[Outcome]"]]:
        """Whoever waits for an answer gets it now; the bus's deliveries stay."""
        for future in futures:
            if not future.done():
                future.set_exception(StoreTrouble(str(error)))
        return batch[len(futures) :], []

    def _finish(
        self,
        batch: list[Delivery],
        handled: Handled,
        arrivals: list[Arrival],
        futures: list["asyncio.Future[Outcome]"],
    ) -> None:
        self.relay.push(handled.envelopes)
        if handled.envelopes:
            for tap in self._taps:
                tap(handled.envelopes)
        if arrivals:
            self.subscription.done(arrivals)
        if handled.due is not None:
            self._due = min(handled.due, self._due or handled.due)
        for future, outcome in zip(futures, handled.outcomes, strict=False):
            if not future.done():
                future.set_result(outcome)
        observe_batch(self.part.name, batch, handled)

    async def _note(self) -> None:
        """Look at what others wrote; once in a while, write down how far everything has got."""
        if self._noticed:
            await self._look()
        now = asyncio.get_running_loop().time()
        if now - self._noted_at < NOTE_INTERVAL_S:
            return
        self._noted_at = now
        notes, lane = self._notes(), self.handler.lane
        if notes or lane.acknowledged != lane.row.published:
            with suppress(EngineError):  # it is only a note; the next one says more
                await self.handler.beat(notes)
                self.subscription.noted(notes)

    def _notes(self) -> list[Mark]:
        everybody: list[Noting] = [self.subscription, *self.beside.values()]
        return [mark for one in everybody for mark in one.notes()]


def _crash(error: BaseException | None) -> None:
    """A worker that died of a bug takes its process along: kill -9 is safe, limping on is not."""
    observe("worker.died", error=repr(error), trace="".join(traceback.format_exception(error)))
    os.kill(os.getpid(), signal.SIGTERM)


def observe_batch(domain: str, batch: Sequence[Delivery], handled: Handled) -> None:
    """Count what a batch did; say aloud what went wrong."""
    if not handled.outcomes:
        return
    observe("batch", domain=domain)
    for result, count in Counter(o.result for o in handled.outcomes).items():
        observe("deliveries", count, domain=domain, result=result.value)
    for type_, count in Counter(e.type for e in handled.envelopes).items():
        observe("announced", count, domain=domain, type=type_)
    for delivery, outcome in zip(batch, handled.outcomes, strict=True):
        if outcome.error:
            trace = delivery.envelope.traceparent if delivery.envelope else ""
            why = {"result": outcome.result.value, "error": outcome.error}
            whose = {"saga": delivery.saga, "trace": trace_id(trace)}
            observe("delivery.failed", 1, domain=domain, **whose, **why)
