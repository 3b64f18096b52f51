"""One seed's world: a storm over the real system, then calm, then the books."""

import asyncio
import os
import secrets
import tempfile
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from unittest import mock

import streams.lane
import streams.system
import streams.worker
from infra.engine.errors import EngineError
from streams.bus import Bus
from streams.topology import Topology, discover
from tests.simulation.books import Ledgers, faults, watch
from tests.simulation.customers import Customers
from tests.simulation.failing import Trouble
from tests.simulation.garbage import garbage
from tests.simulation.host import PAUSE_MAX_S, Host, Killed, crash_of_worker, task_factory
from tests.simulation.hostile_bus import Broker, HostileBus
from tests.simulation.hostile_embedded import HostileEmbeddedBus
from tests.simulation.knobs import Knobs
from tests.simulation.provider import Provider
from tests.simulation.put_back import put_back
from tests.simulation.tally import tallied
from tests.simulation.virtual_loop import passing, run_virtually
from tests.trade import RESERVATION_TTL

BEGIN = datetime(2026, 8, 13, 18, 0, tzinfo=UTC)
#: Between two things that people or operators do.
TURN_S = 0.2
#: A process that was killed is started again after so long at most.
RESTART_MAX_S = 2.0
#: Calm seconds in which everything must have come to rest; an undo's longest wait is shorter.
REST_LIMIT_S = 400
#: Times that the clock jumps over all reservations before a world counts as stuck.
ROUNDS_MAX_COUNT = 12


class Broken(AssertionError):
    """The world is not as it must be; one line per fault."""


class World:
    """Everything in one process, by one seed."""

    def __init__(
        self,
        seed: int,
        orders: int,
        say: Callable[[str], None] | None = None,
        knobs: Knobs | None = None,
    ) -> None:
        self.seed = seed
        self.chance = Random(seed)
        self.knobs = knobs or Knobs.drawn(self.chance, orders)
        self.storm = False
        self.steps = 0
        self._say = say
        self._jumped = timedelta()
        self._names = 0
        self.hosts: list[Host] = []
        #: What went wrong in the world itself.
        self.bugs: list[BaseException | None] = []
        self.trouble = Trouble(seed, self.knobs.failing)
        self.topology: Topology = self.trouble.around(tallied(discover()))
        self.broker = None if self.knobs.embedded else Broker(self)
        self.provider = Provider(self)
        self.customers = Customers(self)
        self._folder = Path()
        self._doing: set[asyncio.Task[None]] = set()

    def now(self) -> datetime:
        passed = timedelta(milliseconds=round(asyncio.get_running_loop().time() * 1000))
        return BEGIN + passed + self._jumped

    def note(self, text: str) -> None:
        if self._say is not None:
            at = asyncio.get_running_loop().time()
            self._say(f"{at:9.3f} {text}")

    def bus_of(self, host: Host) -> Bus:
        return HostileBus(self.broker, host) if self.broker else HostileEmbeddedBus(host)

    def some_host(self) -> Host | None:
        return self.chance.choice(self.hosts) if self.hosts else None

    # the course of the world

    def run(self) -> None:
        """On a loop of its own, in a folder that is gone afterwards; raises Broken."""
        with tempfile.TemporaryDirectory(dir=_memory()) as folder:
            self._folder = Path(folder)
            run_virtually(self._live(), task_factory)

    async def _live(self) -> None:
        """The whole story."""
        try:
            await self._start()
            for store in self.hosts[0].system.stores.values():
                watch(store)
            await self.customers.open()
            self.note(f"the storm begins: {self.knobs}")
            self.storm = True
            for _ in range(self.knobs.orders * 2):
                self.steps += 1
                await self._turn()
            await self._heal()
            await self._rest()
            await self._check()
        finally:
            await self._end()

    async def _start(self) -> None:
        while len(self.hosts) < self.knobs.hosts:
            self._names += 1
            host = Host(f"host-{self._names}", self, self._folder, self.topology)
            try:
                await host.spawn(host.system.start())
            except (EngineError, Killed) as error:
                self.note(f"{host.name} does not start: {error!r}")
                await host.bury()
                await passing(RESTART_MAX_S)
                continue
            host.starting = False
            self.note(f"{host.name} starts")
            self.hosts.append(host)

    async def _turn(self) -> None:
        """One thing that somebody does, and perhaps one that happens."""
        chance, knobs = self.chance, self.knobs
        await passing(chance.random() * TURN_S)
        await self._bring_out_the_dead()
        self._do(self.customers.act())
        host = self.some_host()
        if host is not None and chance.random() < knobs.pause:
            self.note(f"{host.name} is stopped for a while")
            self._do(host.pause(chance.random() * PAUSE_MAX_S))
            if self.broker:
                self.broker.rebalance()
        if chance.random() < knobs.jump:
            jump = RESERVATION_TTL * chance.choice((0.3, 1.1, 4))
            self.note(f"the clock jumps by {jump}")
            self._jumped += jump
        if self.broker and chance.random() < knobs.grow:
            self.broker.grow()
        if self.broker and chance.random() < knobs.garbage:
            self.broker.append(*garbage(chance, self.customers.ids))
        if chance.random() < knobs.put_back:
            await self._put_back()

    def _do(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.ensure_future(work)
        self._doing.add(task)
        task.add_done_callback(self._did)

    def _did(self, task: "asyncio.Task[None]") -> None:
        self._doing.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self.bugs.append(task.exception())

    async def _bring_out_the_dead(self) -> None:
        for host in [host for host in self.hosts if host.dead]:
            self.hosts.remove(host)
            await host.bury()
            if host.bug is not None:
                raise Broken(f"{host.name} died of {host.bug!r}") from host.bug
        if len(self.hosts) < self.knobs.hosts:
            await passing(self.chance.random() * RESTART_MAX_S)
            await self._start()

    async def _put_back(self) -> None:
        host = self.some_host()
        for name, worker in host.system.workers.items() if host else ():
            assert host is not None
            try:
                await host.spawn(put_back(worker.store, self.now()))
                worker.notice()
            except (EngineError, Killed):
                self.note(f"putting back in {name} did not work")

    # calm

    async def _heal(self) -> None:
        self.note("calm")
        self.storm = False
        self.trouble.on = False
        await passing(PAUSE_MAX_S + 1)
        if self.chance.random() < 0.5:
            self.hosts[0].die()
        self.knobs.hosts = max(1, len([host for host in self.hosts if not host.dead]))
        await self._bring_out_the_dead()
        if self._doing:
            await asyncio.wait(self._doing, timeout=REST_LIMIT_S)
        if self.broker:
            self.broker.rebalance()

    async def _rest(self) -> None:
        """Let everything end: what was put back, and what is due, round by round."""
        for _ in range(ROUNDS_MAX_COUNT):
            await self._put_back()
            await self._drain()
            if not await self._unfinished():
                return
            self._jumped += RESERVATION_TTL * 1.1
        raise Broken(f"not at rest after {ROUNDS_MAX_COUNT} rounds: {await self._unfinished()}")

    async def _drain(self) -> None:
        for _ in range(REST_LIMIT_S):
            await passing(1.0)
            await self._bring_out_the_dead()
            if not await self._moving():
                return
        raise Broken(f"still moving after {REST_LIMIT_S} s: {await self._moving()}")

    async def _moving(self) -> list[str]:
        """What is under way without any clock having to jump."""
        moving = [] if self.broker is None or self.broker.idle() else ["messages"]
        for host in self.hosts:
            moving += [f"{host.name}: unheard"] if not host.bus.quiet() else []  # type: ignore[attr-defined]
            for name, worker in host.system.workers.items():
                if worker.relay.lane.acknowledged < worker.relay.last:
                    moving.append(f"{host.name}: lane of {name}")
        due = round(self.now().timestamp() * 1000) + 1000
        for name, store in self.hosts[0].system.stores.items():
            timers = await store.reader.query(
                f'SELECT count(*) FROM "{name}$timers" WHERE due < ?', (due,)
            )
            moving += [f"{name}: timers"] if timers[0][0] else []
        return moving

    async def _unfinished(self) -> list[str]:
        """What waits for a clock."""
        found = []
        for name, store in self.hosts[0].system.stores.items():
            for table, where in (("timers", "1"), ("parked", "state = 'waiting'")):
                rows = await store.reader.query(f'SELECT saga FROM "{name}${table}" WHERE {where}')
                found += [f"{name}.{table}: {saga}" for (saga,) in rows]
        return found

    async def _check(self) -> None:
        ledgers = await Ledgers(self.hosts[0].system.stores).read()
        seen = self.broker.seen if self.broker else None
        for bug in self.bugs:
            raise Broken("the simulation itself is wrong") from bug
        found = list(faults(ledgers, self.customers, self.provider, seen))
        if found:
            raise Broken("\n".join(found))

    async def _end(self) -> None:
        for task in list(self._doing):
            task.cancel()
        for host in self.hosts:
            await host.bury()


def live(seed: int, orders: int = 40, say: Callable[[str], None] | None = None) -> World:
    """Run the world of a seed to its end; raises Broken."""
    with seeded(seed):
        world = World(seed, orders, say)
        world.run()
        return world


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Names that are random in a real process come from the seed, too; nobody locks a folder."""
    names = Random(f"names {seed}")
    chosen = mock.Mock(wraps=secrets, token_hex=lambda n: names.randbytes(n).hex())
    with (
        mock.patch.object(streams.lane, "secrets", chosen),
        mock.patch.object(streams.worker, "crash", crash_of_worker),
        mock.patch.object(streams.system, "crash", crash_of_worker),
        mock.patch.object(streams.system, "hold", return_value=None),
    ):
        yield


def _memory() -> str | None:
    """A folder in memory, where there is one."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
