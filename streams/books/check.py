"""`odori check`: what moves, the books, what moves again; only if nothing did, a cut."""

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from infra.engine.several import Several
from streams.books.across import STORES, across
from streams.books.inside import Difference, inside, totals
from streams.books.lost import lost
from streams.books.moving import Moving, domains_of, moving
from streams.books.unreadable import naming
from streams.home import Home, NoData

#: How often somebody who waits for rest looks again.
LOOK_INTERVAL_S = 0.2

#: Messages that a broker has and subscribers have not handled, by topic; None: nobody knows.
Lag = Callable[[], Mapping[str, int | None]]
#: Messages about these sagas that have not reached who hears them, a line each.
Unheard = Callable[[Several, Collection[str]], list[str]]


class Verdict(StrEnum):
    """Balanced; not balanced; or not to be said, since something still moves or is dead."""

    BALANCED = "balanced"
    UNBALANCED = "unbalanced"
    MOVING = "moving"


@dataclass
class Books:
    """What was found."""

    verdict: Verdict
    differences: list[Difference]
    moving: list[str]
    dead: list[tuple[str, str, str, str]]
    unfinished: list[str]
    totals: dict[str, int] = field(default_factory=dict)

    def public(self) -> dict[str, Any]:
        """As JSON shows it."""
        names = ("domain", "saga", "type", "reason")
        return asdict(self) | {
            "verdict": self.verdict.value,
            "dead": [dict(zip(names, row, strict=True)) for row in self.dead],
        }


def check(
    home: Home,
    *,
    domains: Collection[str] = STORES,
    lag: Lag | None = None,
    unheard: Unheard | None = None,
    wait_s: float = 0,
    now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
) -> Books:
    """Check the books of all stores, beside a running system or without one.

    A store of `domains` that others have heard must be there. With `lag` a broker keeps the
    positions; `unheard` tells where somebody else publishes the outboxes. Waits up to `wait_s` for
    rest. Raises NoData, or what the engine raises.
    """
    with home.several() as several:
        if not several.stores:
            raise NoData(home)
        missing = [
            Difference("store", name, f"{several.called(name)} is missing", "a store", "nothing")
            for name in lost(home, domains)
        ]
        look = _Look(several, missing, lag, unheard, now_ms)
        until = time.monotonic() + wait_s
        while True:
            books = look.once()
            if books.verdict is not Verdict.MOVING or books.unfinished:
                return books
            while time.monotonic() < until:
                time.sleep(LOOK_INTERVAL_S)
                if look.moving().rests:
                    break
            if time.monotonic() >= until:
                return look.once() if wait_s else books


class _Look:
    def __init__(
        self,
        several: Several,
        missing: Sequence[Difference],
        lag: Lag | None,
        unheard: Unheard | None,
        now_ms: Callable[[], int],
    ) -> None:
        self._several = several
        self._missing = missing
        self._lag = lag
        self._unheard = unheard
        self._now_ms = now_ms
        with several.snapshot():
            self._stores = domains_of(several)

    def moving(self) -> Moving:
        with self._several.snapshot():
            found = moving(self._several, self._stores, self._now_ms(), positions=self._lag is None)
        behind = self._lag() if self._lag is not None else {}
        lags = tuple(
            f"{topic}: {'nobody says how many' if n is None else n} messages are not handled"
            for topic, n in behind.items()
            if n != 0
        )
        return Moving(found.reasons + lags, found.marks, found.dead)

    def once(self) -> Books:
        before = self.moving()
        differences = list(self._missing)
        sums: dict[str, int] = {}
        unfinished: set[str] = set()
        ends: list[Difference] = []
        late: list[str] = []
        several = self._several
        with several.snapshot():
            for store in self._stores:
                with naming(several, store):
                    differences += inside(several, store)
                    sums |= totals(several, store)
            if before.rests and set(self._stores) >= STORES:
                with naming(several, *sorted(STORES)):
                    ends, unfinished = across(several, {row[1] for row in before.dead})
                    if self._unheard is not None and ends:
                        late = self._unheard(several, {end.key for end in ends})
        after = self.moving() if before.rests else before
        reasons = [*after.reasons, *late]
        if before.rests and after.rests and before.marks != after.marks:
            reasons.append("messages went through while the books were read")
        if not reasons:
            differences += ends
        return Books(
            Verdict.UNBALANCED if differences
            else Verdict.MOVING if reasons or unfinished else Verdict.BALANCED,
            differences, reasons, list(after.dead), sorted(unfinished), sums,
        )  # fmt: skip
