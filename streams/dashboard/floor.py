"""The dance floor in memory: rates per topic and the sagas last heard of; bounded, and cheap while
nobody looks (a counter per topic and a window of the newest messages)."""

from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import monotonic

from streams.envelope import Envelope

#: Messages kept to tell the latest from.
WINDOW_MAX_MESSAGES = 1_000
#: Sagas kept, newest last; the page shows those of them that are orders.
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
        self._window: deque[Envelope] = deque(maxlen=WINDOW_MAX_MESSAGES)
        self._last: dict[str, Envelope] = {}
        self._sagas: OrderedDict[str, None] = OrderedDict()
        self._second = int(clock())
        self._seconds: deque[tuple[int, Counter[str]]] = deque(maxlen=RATE_WINDOW_S + 1)
        self._seconds.append((self._second, Counter()))

    def hear(self, batch: Sequence[Envelope]) -> None:
        """Take what a commit was asked and announced; called once per batch."""
        self._roll()
        self._seconds[-1][1].update([e.topic for e in batch])
        self._window.extend(batch)

    def remember(self, batch: Sequence[Envelope]) -> None:
        """Take what was announced before this process began; it counts for no rate."""
        self._window.extend(batch)

    def topics(self, names: Sequence[str]) -> list[Topic]:
        """The topics of these names, quiet or not."""
        self._roll()
        self._fold()
        oldest = self._second - RATE_WINDOW_S
        whole = [counts for second, counts in self._seconds if oldest <= second < self._second]
        return [self._topic(name, sum(counts[name] for counts in whole)) for name in names]

    def _topic(self, name: str, heard: int) -> Topic:
        total = self._totals[name] + self._seconds[-1][1][name]
        last = self._last.get(name)
        type_, at = (last.type, last.time) if last else ("", "")
        return Topic(name, total, round(heard / RATE_WINDOW_S, 1), type_, at)

    def sagas(self) -> list[str]:
        """The sagas last heard of, newest first."""
        self._fold()
        return list(reversed(self._sagas))

    def _roll(self) -> None:
        second = int(self._clock())
        if second != self._second:
            self._fold()
            self._totals.update(self._seconds[-1][1])
            self._second = second
            self._seconds.append((second, Counter()))

    def _fold(self) -> None:
        for envelope in self._window:
            self._last[envelope.topic] = envelope
            self._sagas[envelope.saga] = None
            self._sagas.move_to_end(envelope.saga)
        self._window.clear()
        while len(self._sagas) > SAGAS_MAX_COUNT:
            self._sagas.popitem(last=False)
