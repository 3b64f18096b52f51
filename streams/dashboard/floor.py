"""The dance floor in memory: rates and the last message per topic, and the orders placed last;
bounded, and cheap while nobody looks."""

from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import monotonic

from streams.envelope import Envelope

#: The message that places an order, whatever its version: the latest orders are those placed last,
#: however much is still heard of older ones.
PLACED = "odori.order.OrderPlaced.v"
#: Sagas kept, newest last: more than the page shows, for those that are looked up in vain.
SAGAS_MAX_COUNT = 200
#: Seconds over which a rate is taken.
RATE_WINDOW_S = 10


@dataclass(frozen=True)
class Topic:
    """What is known of one topic."""

    name: str
    total: int
    per_second: float
    last_type: str
    last_at: str


class Floor:
    """Hears everything that this process is asked and announces."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._totals: Counter[str] = Counter()
        self._last: dict[str, Envelope] = {}
        self._sagas: deque[str] = deque(maxlen=SAGAS_MAX_COUNT)
        self._second = int(clock())
        self._seconds: deque[tuple[int, Counter[str]]] = deque(maxlen=RATE_WINDOW_S + 1)
        self._seconds.append((self._second, Counter()))

    def hear(self, batch: Sequence[Envelope]) -> None:
        """Take what a commit was asked and announced; called once per batch."""
        self._roll()
        topics = [e.topic for e in batch]
        self._seconds[-1][1].update(topics)
        self._last.update(zip(topics, batch, strict=True))
        self._sagas.extend([e.saga for e in batch if e.type.startswith(PLACED)])

    def remember(self, batch: Sequence[Envelope]) -> None:
        """Take what was announced before all that was heard, in any order; it counts for no rate.

        Orders of which only later messages are left are older than those seen placed.
        """
        before = sorted(batch, key=lambda e: (e.time, e.sequence))  # a batch has one time
        self._last = {e.topic: e for e in before} | self._last
        later = [e.saga for e in before if not e.type.startswith(PLACED)]
        placed = [e.saga for e in before if e.type.startswith(PLACED)]
        newest = dict.fromkeys(reversed([*later, *placed, *self._sagas]))
        self._sagas = deque(reversed(newest), maxlen=SAGAS_MAX_COUNT)

    def topics(self, names: Sequence[str]) -> list[Topic]:
        """The topics of these names, quiet or not."""
        self._roll()
        oldest = self._second - RATE_WINDOW_S
        whole = [counts for second, counts in self._seconds if oldest <= second < self._second]
        return [self._topic(name, sum(counts[name] for counts in whole)) for name in names]

    def _topic(self, name: str, heard: int) -> Topic:
        total = self._totals[name] + self._seconds[-1][1][name]
        last = self._last.get(name)
        type_, at = (last.type, last.time) if last else ("", "")
        return Topic(name, total, round(heard / RATE_WINDOW_S, 1), type_, at)

    def sagas(self) -> list[str]:
        """The sagas that may be the latest orders, newest first."""
        return list(reversed(self._sagas))

    def _roll(self) -> None:
        second = int(self._clock())
        if second != self._second:
            self._totals.update(self._seconds[-1][1])
            self._second = second
            self._seconds.append((second, Counter()))
