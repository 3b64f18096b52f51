"""How far a subscription is heard whose arrivals are finished in any order."""

from collections import OrderedDict
from collections.abc import Sequence

from domains.row import RowKey
from streams.bus import Arrival, Subscription
from streams.writes import Mark


class Heard:
    """Per lane: the position is just before the first arrival that is not finished.

    Every arrival under way remembers the one before it, so that what is finished behind a slow one
    takes no room.
    """

    def __init__(self, subscription: Subscription) -> None:
        self._subscription = subscription
        self._lines: dict[str, OrderedDict[int, Arrival | None]] = {}
        self._last: dict[str, Arrival] = {}
        self._moved: dict[RowKey, Mark] = {}

    def take(self, arrival: Arrival) -> None:
        """An arrival, in the order of its lane."""
        if arrival.envelope is not None and self._subscription.marks([arrival]):
            source = arrival.envelope.source
            line = self._lines.setdefault(source, OrderedDict())
            line[arrival.offset] = self._last.get(source)
            self._last[source] = arrival

    def finish(self, arrival: Arrival) -> None:
        """Nothing is left to do for an arrival."""
        if arrival.envelope is None or not self._subscription.marks([arrival]):
            self._subscription.done([arrival])  # a broker's binding minds the gaps itself
            return
        source = arrival.envelope.source
        line = self._lines[source]
        del line[arrival.offset]
        reached = next(iter(line.values())) if line else self._last[source]
        if reached is not None:
            self._subscription.done([reached])
            self._moved.update((mark[:3], mark) for mark in self._subscription.marks([reached]))

    def notes(self) -> list[Mark]:
        """Positions that moved, to be written by the store's own worker."""
        moved, self._moved = self._moved, {}
        return list((moved | {mark[:3]: mark for mark in self._subscription.notes()}).values())

    def noted(self, notes: Sequence[Mark]) -> None:
        """These positions are committed."""
        self._subscription.noted(notes)
