"""One look at the floor: whether all are ready, topics with their rates and lag, and the latest
orders as they are now."""

import asyncio
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from infra.engine.errors import EngineError
from infra.observe import observe
from streams.dashboard.floor import Floor, Topic
from streams.envelope import Envelope
from streams.intake.health import BUS_SILENT, lags, readiness
from streams.intake.reads import find_resource
from streams.system import System

#: Orders that the page shows.
ORDERS_MAX_COUNT = 20
#: Sagas that are looked up in search of them: what is remembered may be no order.
LOOKUPS_MAX_COUNT = 40
#: Messages per topic that the first look reads from before this process began.
SEED_MAX_MESSAGES = 30
#: The same of the topic that says when orders were placed: what ended since lies above it.
SEED_PLACED_MAX_MESSAGES = 1_000
#: What is said when nothing hinders anybody.
READY = "ready"
#: The domain whose sagas are listed.
DOMAIN = "order"


@dataclass(frozen=True)
class Line:
    """One topic, with what its subscribers have not heard yet; None where the bus does not say."""

    topic: Topic
    lag_messages: int | None
    lag_seconds: float | None


@dataclass(frozen=True)
class Look:
    """What the page shows, and its JSON twin says."""

    readiness: str
    topics: list[Line]
    orders: list[dict[str, Any]]

    def public(self) -> dict[str, Any]:
        topics = [{**asdict(line.topic), **_lag(line)} for line in self.topics]
        return {"readiness": self.readiness, "topics": topics, "orders": self.orders}


class Lookout:
    """Looks when asked; the first look remembers what was before."""

    def __init__(self, system: System) -> None:
        self.system = system
        self.floor = Floor()
        self._seeded = False
        system.taps.append(self.floor.hear)

    async def look(self) -> Look:
        """The floor of this moment."""
        ready, domains = await readiness(self.system)
        if ready and not self._seeded:
            await self._seed()
        lines = await self._lines(domains)
        return Look(_verdict(domains, ready=ready), lines, await self._orders())

    async def _seed(self) -> None:
        found: list[Envelope] = []
        try:
            for topic in self.system.topology.topics:
                tells = topic == f"{DOMAIN}.events"
                many = SEED_PLACED_MAX_MESSAGES if tells else SEED_MAX_MESSAGES
                found += await self.system.bus.tail(topic, last=many, limit=many)
        except Exception as error:  # whatever the bus's client raises: the next look tries again
            observe("dashboard.failed", error=repr(error))
            return
        self._seeded = True
        self.floor.remember(found)

    async def _lines(self, domains: Mapping[str, str]) -> list[Line]:
        names = [name for name in self.system.stores if domains.get(name) != BUS_SILENT]
        said = await asyncio.gather(*(lags(self.system, name) for name in names))
        heard = dict(zip(names, said, strict=True))
        behind: dict[str, tuple[int, float]] = {}
        unknown: set[str] = set()
        for name in self.system.stores:
            found = heard.get(name)
            if found is None:
                unknown.update(self.system.topology.parts[name].topics)
            for lag in found or ():
                messages, seconds = behind.get(lag.topic, (0, 0.0))
                behind[lag.topic] = (messages + lag.messages, max(seconds, lag.seconds))
        topics = self.floor.topics(self.system.topology.topics)
        return [
            Line(topic, None, None)
            if topic.name in unknown
            else Line(topic, *behind.get(topic.name, (0, 0.0)))
            for topic in topics
        ]

    async def _orders(self) -> list[dict[str, Any]]:
        orders: list[dict[str, Any]] = []
        if DOMAIN not in self.system.stores:
            return orders
        for saga in self.floor.sagas()[:LOOKUPS_MAX_COUNT]:
            try:
                order = await find_resource(self.system, DOMAIN, saga)
            except EngineError:
                break  # the store is in trouble; the rest of the page still says so
            if order is not None:
                orders.append(order)
            if len(orders) == ORDERS_MAX_COUNT:
                break
        return sorted(orders, key=_placed, reverse=True)


def _placed(order: Mapping[str, Any]) -> str:
    return str(order["createdAt"]).rstrip("Z")  # a whole second has no fraction, and is first


def _lag(line: Line) -> dict[str, Any]:
    seconds = line.lag_seconds
    return {
        "lag_messages": line.lag_messages,
        "lag_seconds": None if seconds is None else round(seconds, 3),
    }


def _verdict(domains: Mapping[str, str], *, ready: bool) -> str:
    """One line for people: ready, or why not and who."""
    if ready:
        return READY
    whose: dict[str, list[str]] = {}
    for name, hindrance in domains.items():
        if hindrance != READY:
            whose.setdefault(hindrance, []).append(name)
    found = (f"{hindrance} ({', '.join(names)})" for hindrance, names in whose.items())
    return f"not ready: {'; '.join(found) or 'nothing runs yet'}"
