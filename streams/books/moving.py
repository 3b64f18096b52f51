"""What still moves: unpublished lanes, positions behind, waiting deliveries, due timers, payments.

Read before and after the books: only what did not change in between is a cut.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from infra.engine.several import Several
from streams.books.unreadable import naming

#: Dead deliveries that are named.
DEAD_MAX_COUNT = 1_000


@dataclass(frozen=True)
class Moving:
    """One moment of all stores: `reasons` say what moves; `marks` change with every commit that
    announces, hears or parks anything."""

    reasons: tuple[str, ...]
    marks: tuple[object, ...]
    dead: tuple[tuple[str, str, str, str], ...]

    @property
    def rests(self) -> bool:
        return not self.reasons


def moving(several: Several, stores: Sequence[str], now_ms: int, *, positions: bool) -> Moving:
    """Look at all stores; without `positions` a broker keeps them, and is asked by the caller."""
    reasons: list[str] = []
    marks: list[object] = []
    dead: list[tuple[str, str, str, str]] = []
    ends: dict[tuple[str, str], int] = {}
    for store in stores:
        with naming(several, store):
            for lane, following, published in several.rows(
                f'SELECT lane, next, published FROM "{store}$lanes" ORDER BY lane'
            ):
                ends[store, lane] = following - 1
                marks.append((store, lane, following, published))
                behind = following - 1 - published
                if behind > 0 and not positions:
                    reasons.append(f"{store}: {behind} messages are not published")
            reasons += _waiting(several, store, now_ms, marks)
            dead += _dead(several, store)
    with naming(several, *stores):
        if positions:
            reasons += _unheard(several, stores, ends, marks)
        if "payment" in stores:
            reasons += _payments(several, marks)
    return Moving(tuple(reasons), (*marks, *dead), tuple(dead))


def _waiting(several: Several, store: str, now_ms: int, marks: list[object]) -> list[str]:
    [(parked, due)] = several.rows(
        f"""SELECT (SELECT count(*) FROM "{store}$parked" WHERE state = 'waiting'),
            (SELECT count(*) FROM "{store}$timers" WHERE due <= ?)""",
        now_ms,
    )
    marks.append((store, parked))
    counts = {"parked deliveries wait": parked, "timers are due": due}
    return [f"{store}: {count} {what}" for what, count in counts.items() if count]


def _dead(several: Several, store: str) -> list[tuple[str, str, str, str]]:
    rows = several.rows(
        f"""SELECT saga, type, reason FROM "{store}$parked" WHERE state = 'dead'
            ORDER BY saga LIMIT {DEAD_MAX_COUNT}"""
    )
    return [(store, *row) for row in rows]


def _unheard(
    several: Several,
    stores: Sequence[str],
    ends: dict[tuple[str, str], int],
    marks: list[object],
) -> list[str]:
    """Every domain has heard every lane to its end. (What a connector has not heard shows as a
    payment that waits for it.)"""
    heard: dict[str, dict[tuple[str, str], int]] = {store: {} for store in stores}
    for store in stores:
        for publisher, lane, sequence in several.rows(
            f"""SELECT publisher, lane, sequence FROM "{store}$positions"
                WHERE subscriber = ? ORDER BY 1, 2""",
            store,
        ):
            heard[store][publisher, lane] = sequence
            marks.append((store, publisher, lane, sequence))
    reasons = []
    for subscriber, positions in heard.items():
        behind: dict[str, int] = {}
        for place, end in ends.items():
            count = end - positions.get(place, 0)
            if count > 0:
                behind[place[0]] = behind.get(place[0], 0) + count
        reasons += [
            f"{subscriber}: {count} messages of {publisher} are not heard"
            for publisher, count in behind.items()
        ]
    return reasons


def _payments(several: Several, marks: list[object]) -> list[str]:
    rows = list(
        several.rows(
            """SELECT status, count(*) FROM "payment$payment"
           WHERE status IN ('REQUESTED', 'VOIDING', 'REFUNDING') GROUP BY status ORDER BY status"""
        )
    )
    marks.extend(rows)
    return [f"payment: {count} payments are {status}" for status, count in rows]


def domains_of(several: Several) -> list[str]:
    """The stores that were ever started."""
    return [name for name in several.stores if several.has(name, "lanes")]
