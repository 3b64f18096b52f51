"""What waits for one domain: commands, arrivals and due timers, gathered into batches."""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from infra.engine.errors import EngineError
from infra.observe import observe
from schemas.catalogue import Catalogue
from streams.bus import Arrival, Subscription
from streams.codec import to_millis
from streams.delivery import Delivery, Outcome, Via
from streams.operator import is_operators
from streams.store import Store
from streams.timers import due_deliveries, next_due

#: Deliveries handled in one transaction.
BATCH_MAX_MESSAGES = 500
#: Bytes of bodies handled in one transaction.
BATCH_MAX_BYTES = 4_000_000
#: Commands that wait for an answer; more are refused with 503.
COMMANDS_MAX_COUNT = 5_000
#: How long due timers wait when the store could not be read.
TROUBLE_WAIT_MS = 1_000
#: How long an idle worker waits before it looks around.
IDLE_INTERVAL_S = 1.0


class Overloaded(Exception):
    """More commands wait than this worker takes; try again later."""


class StoreTrouble(Exception):
    """The store did not take the command; nothing was done; try again later."""


@dataclass
class Batch:
    """Deliveries for one transaction: first those that somebody waits for, by their futures, then
    those of `arrivals`, then timers."""

    deliveries: list[Delivery]
    futures: list["asyncio.Future[Outcome]"]
    arrivals: list[Arrival]

    def answer(self, outcomes: list[Outcome]) -> None:
        """Tell everybody who waits what became of their command."""
        for future, outcome in zip(self.futures, outcomes, strict=False):
            if not future.done():
                future.set_result(outcome)

    def give_up_on_commands(self, why: str) -> None:
        """Whoever waits for an answer gets it now; the bus's deliveries stay."""
        _fail(self.futures, why)
        del self.deliveries[: len(self.futures)]
        self.futures.clear()


class Inbox:
    """Everything that one worker has still to handle."""

    def __init__(
        self,
        store: Store,
        subscription: Subscription,
        catalogue: Catalogue,
        now: Callable[[], datetime],
        operator_key: str,
        *,
        timed: bool = True,
    ) -> None:
        """`timed`: whether timers that are due are handled here."""
        self.closed = False
        #: Why the store takes nothing at the moment; commands are refused meanwhile.
        self.trouble = ""
        self._store = store
        self._subscription = subscription
        self._catalogue = catalogue
        self._now = now
        self._operator_key = operator_key
        self._timed = timed
        self._skip = store.part.skip
        self._commands: deque[tuple[Delivery, asyncio.Future[Outcome]]] = deque()
        self._poll: asyncio.Task[list[Arrival]] | None = None
        self._due: int | None = None
        self._wake = asyncio.Event()

    @property
    def waiting(self) -> int:
        """Commands that wait to be handled."""
        return len(self._commands)

    async def submit(self, delivery: Delivery) -> Outcome:
        """Put a command in and wait for its commit; raises Overloaded or StoreTrouble."""
        if len(self._commands) >= COMMANDS_MAX_COUNT:
            raise Overloaded(self._store.part.name)
        if self.trouble:
            raise StoreTrouble(self.trouble)
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._commands.append((delivery, future))
        self._wake.set()
        return await future

    def wake(self) -> None:
        """Let `gather` return, even with nothing."""
        self._wake.set()

    def remind(self, due: int | None) -> None:
        """A timer was set that is due at this time (epoch ms)."""
        if due is not None and self._timed:
            self._due = min(due, self._due or due)

    async def look_at_timers(self) -> None:
        """Find out anew which timer is due first; others may have set one."""
        self._due = await next_due(self._store) if self._timed else None

    def close(self) -> None:
        """Take nothing more in; who still waits is told so."""
        if self._poll is not None:
            self._poll.cancel()
        self.refuse("the service is stopping")

    def refuse(self, why: str) -> None:
        """Take no commands until `trouble` is over; who waits for an answer gets this one."""
        self.trouble = why
        _fail([future for _, future in self._commands], why)
        self._commands.clear()

    async def gather(self) -> Batch:
        """What is there now, or what comes first; nothing, when it is time to look around."""
        early = self._polled()
        await asyncio.sleep(0)
        if not early.done() and not self._commands and not self.closed:
            await self._rest()
        arrivals = self._take_polled()
        if arrivals and len(arrivals) < BATCH_MAX_MESSAGES:
            # A poll that waited since the last batch has only what came first; now see the rest.
            self._polled()
            await asyncio.sleep(0)
            arrivals += self._take_polled()
        count = min(len(self._commands), BATCH_MAX_MESSAGES)
        commands = [self._commands.popleft() for _ in range(count)]
        deliveries = [delivery for delivery, _ in commands]
        deliveries += [
            self._delivery(arrival)
            for arrival in arrivals
            if arrival.envelope is None or arrival.envelope.type not in self._skip
        ]
        deliveries += await self._timers()
        return Batch(deliveries, [future for _, future in commands], arrivals)

    def _delivery(self, arrival: Arrival) -> Delivery:
        envelope = arrival.envelope
        operators = envelope is not None and is_operators(self._operator_key, envelope)
        return Delivery(envelope, Via.BUS, arrival, operator=operators)

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
            poll = self._subscription.poll(BATCH_MAX_MESSAGES, BATCH_MAX_BYTES)
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
        try:
            timers = await due_deliveries(self._store, self._catalogue, self._now())
            if not timers:
                await self.look_at_timers()
        except EngineError as error:  # what arrived is handled first, as soon as the store can
            observe("store.trouble", domain=self._store.part.name, error=str(error))
            self._due = to_millis(self._now()) + TROUBLE_WAIT_MS
            return []
        return timers


def _fail(futures: list["asyncio.Future[Outcome]"], why: str) -> None:
    for future in futures:
        if not future.done():
            future.set_exception(StoreTrouble(why))
