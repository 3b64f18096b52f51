"""One look at the floor: topics with their rates and lag, and the latest orders as they are now."""

from dataclasses import asdict, dataclass
from typing import Any

from infra.engine.errors import EngineError
from streams.dashboard.floor import Floor, Topic
from streams.intake.health import lags
from streams.intake.reads import find_resource
from streams.system import System

#: Orders that the page shows.
ORDERS_MAX_COUNT = 20
#: Sagas that are looked up in search of them; setup and top-ups are sagas, too.
LOOKUPS_MAX_COUNT = 40
#: Messages per topic that the first look reads from before this process began.
SEED_MAX_MESSAGES = 30
#: The domain whose sagas are listed.
DOMAIN = "order"


@dataclass(frozen=True)
class Line:
    """One topic, with what its subscribers have not heard yet."""

    topic: Topic
    lag_messages: int
    lag_seconds: float


@dataclass(frozen=True)
class Look:
    """What the page shows, and its JSON twin says."""

    topics: list[Line]
    orders: list[dict[str, Any]]

    def public(self) -> dict[str, Any]:
        topics = [{**asdict(line.topic), **_lag(line)} for line in self.topics]
        return {"topics": topics, "orders": self.orders}


class Lookout:
    """Looks when asked; the first look remembers what was before."""

    def __init__(self, system: System) -> None:
        self.system = system
        self.floor = Floor()
        self._seeded = False
        system.taps.append(self.floor.hear)

    async def look(self) -> Look:
        """The floor of this moment."""
        if not self._seeded:
            self._seeded = True
            await self._seed()
        return Look(await self._lines(), await self._orders())

    async def _seed(self) -> None:
        for topic in self.system.topology.topics:
            self.floor.remember(await self.system.bus.tail(topic, last=SEED_MAX_MESSAGES))

    async def _lines(self) -> list[Line]:
        behind: dict[str, tuple[int, float]] = {}
        for worker in self.system.workers.values():
            for lag in await lags(worker) or ():
                messages, seconds = behind.get(lag.topic, (0, 0.0))
                behind[lag.topic] = (messages + lag.messages, max(seconds, lag.seconds))
        topics = self.floor.topics(self.system.topology.topics)
        return [Line(topic, *behind.get(topic.name, (0, 0.0))) for topic in topics]

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
        return sorted(orders, key=lambda order: str(order["createdAt"]), reverse=True)


def _lag(line: Line) -> dict[str, Any]:
    return {"lag_messages": line.lag_messages, "lag_seconds": round(line.lag_seconds, 3)}
