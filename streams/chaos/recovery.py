"""How long it took until everything flowed again: from what was seen of the orders, no more."""

from collections.abc import Iterable
from dataclasses import dataclass
from math import inf
from statistics import median

from infra.chaos.plan import Fault


@dataclass(eq=False, slots=True)
class Seen:
    """An order or a transfer: when it was asked for, accepted and seen at its end, in monotonic
    seconds."""

    id: str
    asked: float
    accepted: float | None = None
    ended: float | None = None


@dataclass(frozen=True)
class Blow:
    """A fault that happened: when it began and was over (all is back), in monotonic seconds, and
    how many accepted orders were under way when it hit."""

    fault: Fault
    began: float
    over: float
    in_flight: int
    #: When everything flowed again, with all back; None: it did not.
    flowed: float | None = None
    #: When the others carried on without the one that was hit.
    carried: float | None = None


def flow_again(orders: Iterable[Seen], began: float, over: float) -> float | None:
    """When everything flowed again: every order that was asked for before all was back, and had
    not ended when it was hit, has ended, and so has one that was asked for afterwards."""
    held, after = began, None
    for order in orders:
        ended = order.ended
        if order.asked > over:
            if ended is not None:
                after = ended if after is None else min(after, ended)
        elif ended is None:
            return None
        elif ended > began:
            held = max(held, ended)
    return None if after is None else max(held, after)


def carry_on(orders: Iterable[Seen], began: float) -> float | None:
    """When the others had made up for the one that was hit, be it back or not: from the first
    moment on at which nothing is late, the last end of those that were asked for until then.

    What became of the orders of the minutes afterwards has to be known already.
    """
    end = began + CARRY_ON_LIMIT_S
    known = [o for o in orders if o.asked < end and (o.ended is None or o.ended > began)]
    at = began + 2 * LATE_S  # by then it shows what became of those that came after it
    while blocking := [o for o in known if o.asked <= at - LATE_S and (o.ended or inf) > at]:
        ends = [order.ended for order in blocking if order.ended is not None]
        if len(ends) < len(blocking):
            return None
        at = min(ends)
    made_up = [
        o.ended
        for o in known
        if o.ended is not None
        and (o.asked <= began or (o.asked <= at - LATE_S and o.ended - o.asked > LATE_S))
    ]
    new = [o.ended for o in known if o.ended is not None and o.asked > began]
    return max([*made_up, min(new)]) if new else None


#: An order that is older than this and has not ended is held by somebody who is gone.
LATE_S = 5.0
#: What happens later has another cause.
CARRY_ON_LIMIT_S = 120.0
#: Where the time of a target begins: one of several processes must be made up for by the others,
#: a server is waited for.
PROCESSES = frozenset({"worker", "intake"})
#: What a target allows, in seconds.
TARGET_S = 30.0


@dataclass(frozen=True)
class Row:
    """All faults of one kind at one component."""

    component: str
    kind: str
    count: int
    in_flight: float
    #: From the beginning of the fault until everything flowed, of one of several processes until
    #: the others carried on; and from its end. The median, and the most. None: it did not, once.
    from_blow: tuple[float, float] | None
    from_return: tuple[float, float] | None

    @property
    def measured(self) -> tuple[float, float] | None:
        """The one that the target is about."""
        return self.from_blow if _is_made_up(self.component, self.kind) else self.from_return

    @property
    def on_time(self) -> bool:
        return self.measured is not None and self.measured[1] <= TARGET_S


def _is_made_up(component: str, kind: str) -> bool:
    """Whether the others have to carry on, and nobody waits for its return."""
    return component in PROCESSES and kind in ("kill", "restart")


def rows(blows: Iterable[Blow]) -> list[Row]:
    """The table, in the order of first appearance of components, then of kinds."""
    grouped: dict[tuple[str, str], list[Blow]] = {}
    for blow in blows:
        grouped.setdefault((blow.fault.component, blow.fault.kind), []).append(blow)
    return [
        Row(
            *key,
            len(some),
            median(blow.in_flight for blow in some),
            _spread([(b.carried if _is_made_up(*key) else b.flowed, b.began) for b in some]),
            _spread([(b.flowed, b.over) for b in some]),
        )
        for key, some in sorted(grouped.items())
    ]


def _spread(times: list[tuple[float | None, float]]) -> tuple[float, float] | None:
    found = [max(0.0, flowed - since) for flowed, since in times if flowed is not None]
    return (median(found), max(found)) if len(found) == len(times) else None
