"""One domain's real store, lane, relay and handler: nobody overtakes unless a fault says so."""

from collections.abc import Callable, Coroutine, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

import pytest

from domains.row import Row
from schemas.message import Message
from streams.answers import answer
from streams.bus import Arrival, Bus
from streams.delivery import Delivery, Result, Via
from streams.envelope import Envelope
from streams.handle import Handled, Handler
from streams.lane import Lane, adopt, lanes, open_lane
from streams.relay import Relay
from streams.rows import LaneRow
from streams.store import Store
from streams.timers import due_deliveries
from streams.topology import Part, Topology
from tests.given import NOW, TOPOLOGY
from tests.races.places import Place, place_of

R = TypeVar("R", bound=Row)
T = TypeVar("T")

_ids = count(1)


_opened: list["Desk"] = []


@pytest.fixture(autouse=True)
def every_desk_is_closed() -> Iterator[None]:
    """For suites with desks: none outlives its test."""
    yield
    while _opened:
        _opened.pop().leave()


class Desk(Store):
    """A worker's desk; a second one on the same folder is another process's."""

    def __init__(
        self,
        name: str,
        folder: Path,
        topology: Topology = TOPOLOGY,
        place_of: Callable[[Path, str], Place] = place_of,
    ) -> None:
        self.topology = topology
        self.part: Part = topology.parts[name]
        self._place = place_of(folder, name)
        self.home = self._place.home
        #: Called at "begin", "read", "before-commit" and "after-commit"; may raise.
        self.fault: Callable[[str], None] = lambda point: None
        self.commits = 0
        self.now: datetime = NOW
        self.sent: list[Envelope] = []
        #: Sequences that the bus does not take.
        self.refused: set[int] = set()
        self.engine = self._place.engine(self._fault)
        _opened.append(self)
        self.run(self.open())
        self.take_lane()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Do this to its end, whoever waits meanwhile."""
        return self._place.run(work)

    def leave(self) -> None:
        """Close everything; nothing is finished or retired."""
        self.run(self.close())
        self._place.close()

    def take_lane(
        self, lane: Lane | None = None, *, silent: bool = False, exclusive: bool = False
    ) -> None:
        """A new lane, or an adopted one; who is `exclusive` remembers the rows it wrote."""
        codec = self.codec(LaneRow)
        self.lane = lane or self.run(open_lane(self.engine, codec, self.part.name))
        catalogue = self.topology.catalogue
        self.handler = Handler(
            self.part, catalogue, self.engine, self.lane, lambda: self.now, answer,
            exclusive=exclusive,
        )  # fmt: skip
        bus: Bus = self  # type: ignore[assignment]
        self.relay = Relay(bus, self, self.lane, silent=silent)
        self.commits = 0

    def adopt(self, name: str) -> Lane:
        """Take over the lane of another."""
        codec = self.codec(LaneRow)
        [found] = [(r, rec) for r, rec in self.run(lanes(self.engine, codec)) if r.lane == name]
        return self.run(adopt(self.engine, codec, *found))

    def _fault(self, point: str) -> None:
        self.commits += point == "before-commit"
        self.fault(point)

    # the bus

    async def publish(self, lane: str, batch: Sequence[Envelope]) -> int:
        """Take all but what is refused."""
        self.sent += [e for e in batch if e.sequence not in self.refused]
        holes = [e.sequence for e in batch if e.sequence in self.refused]
        return min(holes) - 1 if holes else batch[-1].sequence

    # what arrives

    def hear(self, *heard: Message | Arrival | Delivery) -> Handled:
        """One batch, by the bus."""
        batch = [one if isinstance(one, Delivery) else delivered(one) for one in heard]
        handled = self.run(self.handler.handle(batch))
        self.relay.push(handled.envelopes)
        return handled

    def later(self, span: timedelta) -> Handled:
        """Let time pass, then handle what is due, in one batch."""
        self.now += span
        return self.hear(*self.run(due_deliveries(self, self.topology.catalogue, self.now)))

    # what is there

    def write(self, *rows: Row) -> None:
        """Rows that are there already."""
        tx = self.engine.begin()
        for row in rows:
            codec = self.codec(type(row))
            tx.insert(codec.table, codec.encode(row))
        self.run(tx.commit())

    def rows(self, row: type[R]) -> list[R]:
        """All rows of a kind, as they are committed."""
        codec = self.codec(row)
        tx = self.reader.begin()
        records = self.run(tx.scan_all(codec.table))
        self.run(tx.rollback())
        return [codec.decode(record) for record in records]

    def said(self) -> list[str]:
        """The names of everything in the outbox."""
        tx = self.reader.begin()
        records = self.run(tx.scan_all(self.part.outbox))
        self.run(tx.rollback())
        return [name_of(Envelope.of_row(record.values)) for record in records]


def delivered(one: Message | Arrival) -> Delivery:
    """A message as the bus brings it, with an id of its own."""
    if isinstance(one, Arrival):
        return Delivery(one.envelope, Via.BUS, one)
    spec, number = one.spec, next(_ids)
    envelope = Envelope(
        id=f"m{number}", source="/odori/test/lane", type=spec.wire, topic=spec.topic,
        key=spec.key(one), payload=one.payload(), saga=spec.saga(one), sequence=number,
    )  # fmt: skip
    return Delivery(envelope, Via.BUS, Arrival(envelope, spec.topic, 0, number), operator=True)


def results(handled: Handled) -> list[Result]:
    """What became of each delivery."""
    return [outcome.result for outcome in handled.outcomes]


def names(handled: Handled) -> list[str]:
    """What was announced."""
    return [name_of(envelope) for envelope in handled.envelopes]


def name_of(envelope: Envelope) -> str:
    return envelope.type.split(".")[2]
