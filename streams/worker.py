"""One domain at work: gathers what has arrived, handles it as one batch, hands on what it said."""

import asyncio
import os
import signal
import traceback
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Protocol

from infra.engine.errors import Conflict, EngineError, LockedOut, Unavailable, UnknownOutcome
from infra.observe import observe
from schemas.catalogue import Catalogue
from streams.bus import Bus, Deaf, Subscription
from streams.counted import commands, observe_batch
from streams.delivery import Delivery, Outcome
from streams.envelope import Envelope
from streams.handle import Handled, Handler
from streams.inbox import Batch, Inbox
from streams.lane import LaneLost, open_lane
from streams.patience import patiently
from streams.perform import Answer
from streams.relay import Relay
from streams.rows import LaneRow
from streams.store import Store
from streams.writes import Mark

#: How often positions and the lane's published mark are written down without a batch to carry them.
NOTE_INTERVAL_S = 1.0
#: An idle worker whose store others write shows so often that it lives; they adopt its lane when it
#: was silent for four times as long.
BEAT_INTERVAL_S = 2.5
#: The first wait while the store is in trouble; it doubles.
TROUBLE_FIRST_S = 0.05
#: The longest wait while the store is in trouble.
TROUBLE_MAX_S = 5.0
#: A worker that stops waits so long for a bus that is gone; the next start publishes the rest.
LAST_FLUSH_LIMIT_S = 2.0

#: Hears what a batch was asked and what it announced, after its commit; must not wait.
Tap = Callable[[Sequence[Envelope]], None]


class Noting(Protocol):
    """Knows positions that are to be written now and then."""

    def notes(self) -> list[Mark]:
        """Those that moved since what was noted."""

    def noted(self, notes: Sequence[Mark]) -> None:
        """These are committed; each takes its own of them."""


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
        exclusive: bool = True,
        member: str = "",
        hears: bool = True,
        silent: bool = False,
    ) -> None:
        """With `exclusive` no other process writes this store's rows; `member` begins the owners of
        our lanes. Who does not hear only takes commands: messages and timers are for others. Who is
        `silent` publishes nothing: somebody else reads the outbox."""
        self.store = store
        self.part = store.part
        self._catalogue = catalogue
        self._bus = bus
        self._now = now
        self._answer = answer
        self._taps = taps
        self._operator_key = operator_key
        self._exclusive = exclusive
        self._member = member
        self._hears = hears
        self._silent = silent
        self._beaten = (-1, 0.0)
        self._tasks: list[asyncio.Task[None]] = []
        self._lane_task: asyncio.Task[None] | None = None
        self._noticed = False
        self._noted_at = 0.0
        #: Whoever else keeps its positions in this store, by subscriber; written with ours.
        self.beside: dict[str, Noting] = {}
        self._stopping = asyncio.Event()
        #: The bug that a task of this worker died of.
        self.died: BaseException | None = None

    async def start(self) -> None:
        """Take a lane, subscribe, begin."""
        self.subscription: Subscription = Deaf()
        if self._hears:
            self.subscription = await self._bus.subscribe(
                self.part.name, self.part.topics, self.part.skip
            )
        self.inbox = Inbox(
            self.store, self.subscription, self._catalogue, self._now, self._operator_key,
            timed=self._hears,
        )  # fmt: skip
        await patiently(self._take_lane, self.store.place)
        self._spawn(self._run(), f"worker {self.part.name}")

    async def _take_lane(self) -> None:
        """A lane of our own, with nothing remembered of the one before."""
        if self._lane_task is not None:
            self._lane_task.cancel()
        codec = self.store.codec(LaneRow)
        lane = await open_lane(self.store.engine, codec, self.part.name, self._member)
        self.handler = Handler(
            self.part, self._catalogue, self.store.engine, lane, self._now, self._answer,
            exclusive=self._exclusive,
        )  # fmt: skip
        self.relay = Relay(self._bus, self.store, lane, silent=self._silent)
        self._lane_task = self._spawn(self.relay.run(), f"relay {lane.name}")
        await self._look()

    def notice(self) -> None:
        """Somebody else wrote in this store: look again at what may concern this worker."""
        self._noticed = True
        self.inbox.wake()

    async def _look(self) -> None:
        self._noticed = False
        try:
            await self.inbox.look_at_timers()
            await self.handler.learn_parked()
        except BaseException:
            self._noticed = True
            raise

    def _spawn(self, work: Coroutine[None, None, None], name: str) -> "asyncio.Task[None]":
        task = asyncio.create_task(work, name=name)
        task.add_done_callback(self._ended)
        self._tasks = [t for t in self._tasks if not t.done()] + [task]
        return task

    def _ended(self, task: "asyncio.Task[None]") -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self.fail(error)

    def fail(self, error: BaseException) -> None:
        """Something of this worker ended by a bug; the process must not limp on."""
        self.died = error
        crash(error)

    async def submit(self, delivery: Delivery) -> Outcome:
        """Handle a command and wait for its commit; concurrent callers share one.

        Raises Overloaded or StoreTrouble with nothing done.
        """
        return await self.inbox.submit(delivery)

    @property
    def waiting(self) -> int:
        """Commands that wait to be handled."""
        return self.inbox.waiting

    @property
    def alive(self) -> bool:
        """Whether everything that this worker started still runs."""
        return bool(self._tasks) and not any(task.done() for task in self._tasks)

    async def stop(self) -> None:
        """Finish the batch under way, publish it, note how far everything got."""
        self.inbox.closed = True
        self.inbox.wake()
        self._stopping.set()
        if self._lane_task is not None:
            self._lane_task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.inbox.close()
        if self.died is None:
            await self._note_the_last()
        await self.subscription.close()

    async def _note_the_last(self) -> None:
        with suppress(EngineError, TimeoutError):
            async with asyncio.timeout(LAST_FLUSH_LIMIT_S):
                await self.relay.flush()
        with suppress(EngineError, LaneLost):
            await self.handler.beat(self._notes())

    async def _run(self) -> None:
        while not self.inbox.closed:
            await self._turn(await self.inbox.gather())
            await self._note()

    async def _turn(self, batch: Batch) -> None:
        """Handle one batch to its end, however long the store is in trouble."""
        wait, lost = TROUBLE_FIRST_S, False
        while batch.deliveries:
            try:
                if lost:
                    await self._take_lane()
                    lost = False
                elif self._noticed:
                    await self._look()
                handled = await self.handler.handle(batch.deliveries)
                break
            except LaneLost:
                lost = True
            except (Unavailable, LockedOut, Conflict, UnknownOutcome) as error:
                observe("store.trouble", domain=self.part.name, error=str(error))
                self._noticed = True  # part of it may be committed, with timers and parked rows
                batch.give_up_on_commands(str(error))
                if not batch.deliveries or self.inbox.closed:
                    return
                self.inbox.refuse(str(error))
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._stopping.wait(), wait)
                wait = min(wait * 2, TROUBLE_MAX_S)
        else:
            handled = Handled()
        self.inbox.trouble = ""
        self._finish(batch, handled)

    def _finish(self, batch: Batch, handled: Handled) -> None:
        self.relay.push(handled.envelopes)
        asked = commands(self.part.name, batch.deliveries)
        if asked:
            moment = self._now().isoformat(timespec="milliseconds")
            for envelope in asked:
                envelope.time = envelope.time or moment  # over HTTP nobody says it
        if said := asked + handled.envelopes:
            for tap in self._taps:
                tap(said)
        if batch.arrivals:
            self.subscription.done(batch.arrivals)
        self.inbox.remind(handled.due)
        batch.answer(handled.outcomes)
        observe_batch(self.part.name, batch.deliveries, handled, asked)

    async def _note(self) -> None:
        """Look at what others wrote; once in a while, write down how far everything has got."""
        if self._noticed:
            with suppress(EngineError):  # the store is in trouble; it is noticed still
                await self._look()
        now = asyncio.get_running_loop().time()
        if now - self._noted_at < NOTE_INTERVAL_S:
            return
        self._noted_at = now
        notes, lane = self._notes(), self.handler.lane
        unsaid = lane.acknowledged != lane.row.published or self.handler.unsure
        if notes or unsaid or self._seems_dead(now):
            with suppress(EngineError, LaneLost):  # it is only a note; the next one says more
                await self.handler.beat(notes)
                self.relay.push(())  # the lane may reach further than was known
                for one in self._noting():
                    one.noted(notes)

    def _seems_dead(self, now: float) -> bool:
        """Whether others, who watch the beat of our lane, have not seen one for a while."""
        beat, since = self._beaten
        if beat != self.handler.lane.row.beat:
            self._beaten = (self.handler.lane.row.beat, now)
            return False
        return not self._exclusive and now - since >= BEAT_INTERVAL_S

    def _noting(self) -> list[Noting]:
        return [self.subscription, *self.beside.values()]

    def _notes(self) -> list[Mark]:
        return [mark for one in self._noting() for mark in one.notes()]


def crash(error: BaseException) -> None:
    """What died of a bug takes its process along: a stop is safe, limping on is not."""
    observe("worker.died", error=repr(error), trace="".join(traceback.format_exception(error)))
    os.kill(os.getpid(), signal.SIGTERM)
