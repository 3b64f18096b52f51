"""One process, wired: stores, bus, workers; the only place where everything meets."""

import asyncio
from collections.abc import Callable, Collection, Coroutine
from contextlib import suppress
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from infra.clock import utc_now
from infra.engine.errors import Conflict, EngineError
from infra.observe import observe
from infra.settings import Settings
from streams.answers import answer
from streams.books.lost import lost
from streams.bus import Bus, Subscription, TopicSpec
from streams.connectors.local_provider import LocalProvider
from streams.connectors.payment import PaymentConnector
from streams.connectors.provider import PaymentProvider
from streams.delivery import Delivery, Outcome
from streams.embedded import EmbeddedBus
from streams.folder import MEMBER_ID, MEMBER_ID_CHARS, hold, hold_own, kept_secret, operator_key
from streams.home import Home, home_of
from streams.lane import OPEN, adopt, lanes, retire
from streams.patience import patiently, side_by_side, until_answered
from streams.relay import Relay
from streams.role import UP, Role
from streams.rows import LaneRow
from streams.store import Store
from streams.topology import Part, Topology, discover
from streams.upgrade import upgrade
from streams.worker import Tap, Worker, crash

if TYPE_CHECKING:
    from streams.kafka_bus import KafkaBus

#: How often a process looks for what other processes committed in its files.
NOTICE_INTERVAL_S = 0.2
#: A lane of another process whose beat has not changed for so long is adopted.
ADOPT_AFTER_S = 10.0


class StoreLost(Exception):
    """A store that others have heard is gone; an empty one in its place would hide that."""


class System:
    """Everything that one process runs, without its web server: all of it with the role UP, else
    its part, over stores and a bus that it shares with others."""

    def __init__(
        self,
        settings: Settings,
        *,
        topology: Topology | None = None,
        now: Callable[[], datetime] = utc_now,
        provider: PaymentProvider | None = None,
        role: Role = UP,
    ) -> None:
        self.settings = settings
        self.topology = topology or discover(settings=vars(settings))
        self.role = role.of(self.topology.parts)
        #: The folder of this process; in it are its lock and its name on the bus.
        self.folder = settings.data
        self.home = home_of(settings, self.topology.parts)
        #: Whether nobody else writes these stores; the lock of the folder sees to it.
        self.exclusive = self.home.exclusive
        #: Whether somebody else publishes what is in the outboxes.
        self.silent = settings.relay == "off"
        self.now = now
        self.stores: dict[str, Store] = {}
        self.workers: dict[str, Worker] = {}
        self.provider: PaymentProvider = provider or LocalProvider(settings.data)
        self.connector: PaymentConnector | None = None
        #: Hear every command and announcement of this process after its commit (dashboards).
        self.taps: list[Tap] = []
        self.operator_key = ""
        self.bus: Bus  # as soon as the folder is locked
        self._lock: TextIO | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._died: dict[str, BaseException] = {}

    def lock(self) -> None:
        """Take the data folder, or one of our own in it, unless this system has it; raises
        AlreadyRunning."""
        if self._lock is None and self.role.name == UP.name:
            self._lock = hold(self.folder)
        elif self._lock is None:
            self.folder, self._lock = hold_own(self.settings.data, self.role.name)

    async def start(self) -> None:
        """Lock the data folder, open the stores, adopt what a dead process left, begin.

        Raises AlreadyRunning, InUse, StoreLost, or what the engine raises.
        """
        self.lock()
        holding = partial(self.home.hold, alone=not self.settings.kafka)
        self.bus = self._bus()
        await side_by_side(
            until_answered(holding, self.home.name, self.settings.start_seconds),
            self.bus.start(topic_specs(self.settings, self.topology)),
        )
        for note in self.home.notes:
            observe("store.setting_ignored", note=note)
        all_there(self.home, self.topology)
        self.operator_key = operator_key(self.settings.data)
        await self._open_stores()
        if self.settings.kafka:
            self._kafka().epoch = max(store.epoch for store in self.stores.values())
        await asyncio.gather(*map(self._upgraded, self.stores.values()))
        ours = {name: store for name, store in self.stores.items() if name in self.role.works_for}
        for store in ours.values():
            await patiently(partial(self._adopt_all, store), store.place)
        for name, store in ours.items():
            self.workers[name] = Worker(
                store, self.topology.catalogue, self.bus, self.now, answer, self.taps,
                operator_key=self.operator_key, exclusive=self.exclusive, member=self._member(),
                hears=self.hears(name), silent=self.silent,
            )  # fmt: skip
        await asyncio.gather(*(worker.start() for worker in self.workers.values()))
        if self.hears("payment"):
            payment = self.workers["payment"]
            connector = PaymentConnector(payment, self.bus, self.topology.catalogue, self.provider)
            await connector.start()
            self.connector = connector
        self._beside(self._notice(), "notice other processes")
        if not self.workers:
            self._beside(self._overhear(), "overhear")

    @property
    def data(self) -> Path:
        return self.settings.data

    def _beside(self, work: Coroutine[None, None, None], name: str) -> None:
        task = asyncio.create_task(work, name=name)
        task.add_done_callback(self._ended)
        self._tasks.append(task)

    def _ended(self, task: "asyncio.Task[None]") -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self._died[task.get_name()] = error
            crash(error)

    @property
    def died(self) -> dict[str, BaseException]:
        """The bugs that something of this process died of, by what died."""
        workers = {name: w.died for name, w in self.workers.items() if w.died is not None}
        return workers | self._died

    @property
    def watches(self) -> Collection[str]:
        """The domains that this process can tell about: its own, or all if it has none."""
        return self.role.works_for or self.topology.parts.keys()

    def hears(self, domain: str) -> bool:
        """Whether the messages for this domain are handled here."""
        return domain in (self.role.hears or ())

    def takes(self, domain: str) -> bool:
        """Whether commands for this domain are taken here."""
        return domain in (self.role.takes or ())

    def subscription(self, domain: str) -> Subscription:
        """How a domain hears: its worker here, or those of other processes, seen from here."""
        if self.hears(domain):
            return self.workers[domain].subscription
        return self._kafka().watch(domain, self.topology.parts[domain].topics)

    def _kafka(self) -> "KafkaBus":
        from streams.kafka_bus import KafkaBus

        assert isinstance(self.bus, KafkaBus)  # nobody else has workers in other processes
        return self.bus

    async def _overhear(self) -> None:
        """Tell the taps what other processes are asked and announce."""
        async for batch in self._kafka().overhear(self.topology.topics):
            for tap in self.taps:
                tap(batch)

    async def _open_stores(self) -> None:
        parts = self.topology.parts.values()
        opening = (
            patiently(partial(self._opened, part), self.home.place(part.name)) for part in parts
        )
        found = await asyncio.gather(*opening, return_exceptions=True)
        opened = [store for store in found if isinstance(store, Store)]
        for failed in found:
            if isinstance(failed, BaseException):
                await asyncio.gather(*(store.close() for store in opened))
                raise failed
        self.stores.update((store.part.name, store) for store in opened)

    async def _opened(self, part: Part) -> Store:
        store = self._store(part)
        await store.open()
        return store

    async def _upgraded(self, store: Store) -> None:
        await patiently(partial(upgrade, store), store.place)

    def _store(self, part: Part) -> Store:
        return Store(part, self.home)

    def _bus(self) -> Bus:
        if not self.settings.kafka:
            return EmbeddedBus(self.stores)
        from streams.kafka_bus import KafkaBus

        return KafkaBus(
            self.settings.kafka,
            dict(self.settings.kafka_client),
            name=f"odori-{self._folder()}",
            wait_seconds=self.settings.start_seconds,
        )

    def _folder(self) -> str:
        """The folder's name for others. No backup has it, and the folder's lock is held: whoever
        bears it on the bus, or owns lanes by it, is dead."""
        return kept_secret(self.folder / MEMBER_ID)[:MEMBER_ID_CHARS]

    def _member(self) -> str:
        """What the owners of our lanes begin with, where others may have lanes in the stores."""
        return "" if self.home.exclusive else f"{self._folder()}-"

    async def submit(self, domain: str, delivery: Delivery) -> Outcome:
        """Hand a command to its domain and wait for the commit."""
        return await self.workers[domain].submit(delivery)

    async def stop(self) -> None:
        """Finish what is under way; everything else is in the stores."""
        for task in self._tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        if self.connector is not None:
            await self.connector.stop()
        await asyncio.gather(*(worker.stop() for worker in self.workers.values()))
        if hasattr(self, "bus"):
            await self.bus.close()
        await asyncio.gather(*(store.close() for store in self.stores.values()))
        await self.home.release()
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    # lanes of others

    async def _adopt_all(self, store: Store) -> None:
        """Adopt every lane that a dead process left open: all, if there is no other process; else
        those of this data folder, whose lock we have."""
        alone = self.home.exclusive or not self.settings.kafka
        for row, record in await lanes(store.reader, store.codec(LaneRow)):
            if row.state == OPEN and (alone or row.owner.startswith(self._member())):
                await self._adopt(store, row, record)

    async def _adopt(self, store: Store, row: LaneRow, record: Any) -> bool:
        """Publish the rest of a lane and retire it; False if it has to be tried again."""
        with suppress(Conflict):  # its owner is alive after all
            lane = await adopt(store.engine, store.codec(LaneRow), row, record, self._member())
            if await Relay(self.bus, store, lane, silent=self.silent).flush():
                await retire(store.engine, lane)
                return True
        return False

    async def _notice(self) -> None:
        """See what other processes publish into our files, and adopt their lanes when they die."""
        loop, beats = asyncio.get_running_loop(), dict[str, tuple[int, float]]()
        while True:
            await asyncio.sleep(NOTICE_INTERVAL_S)
            for name in self.workers:
                store = self.stores[name]
                with suppress(EngineError):  # the store is in trouble; look again soon
                    if await store.engine.changed():
                        await self._see(name, store, beats, loop.time())
                    await self._adopt_silent(name, store, beats, loop.time())

    async def _see(
        self, name: str, store: Store, beats: dict[str, tuple[int, float]], now: float
    ) -> None:
        self.workers[name].notice()
        if isinstance(self.bus, EmbeddedBus):
            await self.bus.refresh(name)
        await self._watch_lanes(name, store, beats, now)

    async def _watch_lanes(
        self, name: str, store: Store, beats: dict[str, tuple[int, float]], now: float
    ) -> None:
        mine = self.workers[name].handler.lane.name
        for row, _ in await lanes(store.reader, store.codec(LaneRow)):
            foreign = row.state == OPEN and row.lane != mine
            if foreign and beats.get(row.lane, (-1, 0.0))[0] != row.beat:
                beats[row.lane] = (row.beat, now)
            elif not foreign:
                beats.pop(row.lane, None)

    async def _adopt_silent(
        self, name: str, store: Store, beats: dict[str, tuple[int, float]], now: float
    ) -> None:
        silent = {
            lane
            for lane, (_, since) in beats.items()
            if now - since > ADOPT_AFTER_S and lane.startswith(f"{name}-")
        }
        if not silent:
            return
        for row, record in await lanes(store.reader, store.codec(LaneRow)):
            if row.lane not in silent:
                continue
            beats[row.lane] = (row.beat, now)
            if row.state != OPEN or await self._adopt(store, row, record):
                del beats[row.lane]


def all_there(home: Home, topology: Topology) -> None:
    """Raises StoreLost where a store is gone; one that nobody has heard is new, and made."""
    if missing := lost(home, topology.parts):
        raise StoreLost(home.lacks(missing))


def topic_specs(settings: Settings, topology: Topology) -> list[TopicSpec]:
    """Every topic as the settings want it."""
    s, day_ms = settings, 86_400_000
    return [
        TopicSpec(name, s.partitions, s.replication, s.retention_days * day_ms, s.min_insync)
        for name in topology.topics
    ]
