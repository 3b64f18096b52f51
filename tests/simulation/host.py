"""One process of the world: runs the real System, and can be stopped, paused or killed anywhere."""

import asyncio
from collections.abc import Coroutine
from contextvars import ContextVar
from datetime import datetime
from pathlib import Path
from random import Random
from typing import Any, Protocol

from infra.engine.errors import LockedOut, Unavailable, UnknownOutcome
from infra.settings import Settings
from streams.bus import Bus
from streams.connectors.provider import PaymentProvider
from streams.embedded import EmbeddedBus
from streams.store import Store
from streams.system import System
from streams.topology import Part, Topology
from tests.simulation.knobs import Knobs
from tests.simulation.virtual_loop import passing

#: A call that others may overtake takes up to so long.
INTERRUPTION_MAX_S = 0.3
#: A process that was stopped sleeps so long at most; longer than a lane's adopter waits.
PAUSE_MAX_S = 30.0

#: A start makes many calls; so much of the trouble is left to it, or no process would ever run.
STARTING_SHARE = 0.05

_host: ContextVar["Host"] = ContextVar("host")


class Killed(BaseException):
    """The process is dead; nothing of it runs on."""


class Around(Protocol):
    """What a host needs of its world."""

    chance: Random
    knobs: Knobs
    storm: bool

    @property
    def provider(self) -> PaymentProvider: ...

    def now(self) -> datetime: ...

    def note(self, text: str) -> None: ...

    def bus_of(self, host: "Host") -> Bus: ...


class Host:
    """A process; everything that it does passes its gate."""

    def __init__(self, name: str, world: Around, folder: Path, topology: Topology) -> None:
        self.name = name
        self.world = world
        self.dead = False
        self.starting = True
        #: What ended it although nobody killed it.
        self.bug: BaseException | None = None
        self._running = asyncio.Event()
        self._running.set()
        #: In the order of their making, so that they always end in the same order.
        self._tasks: dict[asyncio.Task[Any], None] = {}
        self.bus = world.bus_of(self)
        self.system = HostedSystem(self, folder, topology)

    def spawn(self, work: Coroutine[Any, Any, Any]) -> "asyncio.Task[Any]":
        """Run something inside this process."""
        token = _host.set(self)
        try:
            return asyncio.get_running_loop().create_task(work)
        finally:
            _host.reset(token)

    async def gate(self) -> None:
        """Every call to the outside begins and ends here."""
        chance, world = self.world.chance, self.world
        if self.dead:
            raise Killed(self.name)
        if world.storm and chance.random() < world.knobs.interrupted:
            await passing(chance.random() * INTERRUPTION_MAX_S)
        while not self._running.is_set() and not self.dead:
            await self._running.wait()
        if self.dead:
            raise Killed(self.name)

    def fault(self, point: str) -> None:
        """The storage's hook: raises what goes wrong here."""
        world, knobs = self.world, self.world.knobs
        if self.dead:
            raise Killed(self.name)
        if not world.storm or point == "read":
            return
        if self.starting and world.chance.random() > STARTING_SHARE:
            return
        luck = world.chance.random()
        if point == "after-commit":
            if luck < knobs.unanswered:
                world.note(f"{self.name}: a commit is not answered")
                raise UnknownOutcome("simulated")
        elif luck < knobs.locked:
            raise LockedOut("simulated")
        elif point == "before-commit" and luck < knobs.locked + knobs.full:
            raise Unavailable("simulated: disk full")
        elif point == "before-commit" and luck > 1 - knobs.unanswered:
            world.note(f"{self.name}: a commit is lost, and not answered")
            raise UnknownOutcome("simulated")
        self.perhaps_die(point)

    def perhaps_die(self, where: str) -> None:
        """kill -9, now."""
        if self.starting and self.world.chance.random() > STARTING_SHARE:
            return
        if self.world.storm and self.world.chance.random() < self.world.knobs.kill:
            self.world.note(f"{self.name}: killed at {where}")
            self.die()
            raise Killed(self.name)

    def die(self) -> None:
        """Nothing of this process goes on; its files and its memory are taken away later."""
        self.dead = True
        self._running.set()

    async def pause(self, seconds: float) -> None:
        """SIGSTOP, then SIGCONT."""
        self._running.clear()
        await passing(seconds)
        self._running.set()

    @property
    def paused(self) -> bool:
        return not self._running.is_set()

    async def bury(self) -> None:
        """Take a dead process out of the world."""
        self.die()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.bus.close()
        for store in self.system.stores.values():
            if hasattr(store, "reader"):
                await store.reader.close()
            await store.engine.close()

    def ended(self, error: BaseException | None) -> None:
        """A worker's task died; unless it was killed, that is a bug."""
        if not isinstance(error, Killed) and not self.dead:
            self.bug = error
        self.die()


class HostedSystem(System):
    """The real System; two of them may meet on the same files."""

    def __init__(self, host: Host, folder: Path, topology: Topology) -> None:
        super().__init__(
            Settings(data=folder), topology=topology, now=host.world.now,
            provider=host.world.provider,
        )  # fmt: skip
        self.exclusive = host.world.knobs.hosts == 1
        self._host = host

    def _bus(self) -> Bus:
        if isinstance(self._host.bus, EmbeddedBus):
            self._host.bus.shelves = self.stores
        return self._host.bus

    def _store(self, part: Part) -> Store:
        from tests.simulation.hostile_store import HostileFiles, HostileStore

        return HostileStore(part, HostileFiles(self.data, self._host), self._host)


def task_factory(loop: asyncio.AbstractEventLoop, work: Any, **options: Any) -> "asyncio.Task[Any]":
    """Every task belongs to the process that made it."""
    task = asyncio.Task(work, loop=loop, **options)
    host = _host.get(None)
    if host is not None:
        host._tasks[task] = None
        task.add_done_callback(lambda done: host._tasks.pop(done, None))
        task.add_done_callback(_seen)
    return task


def _seen(task: "asyncio.Task[Any]") -> None:
    if not task.cancelled():
        task.exception()


def running_host() -> Host:
    """The process that is running."""
    return _host.get()


def crash_of_worker(error: BaseException | None) -> None:
    """What streams.worker does when one of its tasks dies, here."""
    _host.get().ended(error)
