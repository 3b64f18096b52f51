"""How long it took until everything flowed again: from what was seen of the orders, no more."""

from collections.abc import Iterable
from dataclasses import dataclass
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
    #: When everything flowed again; None: it did not.
    flowed: float | None = None


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
    #: From the beginning and from the end of the fault until everything flowed; the median, and
    #: the most. None: it did not, once.
    from_blow: tuple[float, float] | None
    from_return: tuple[float, float] | None

    @property
    def measured(self) -> tuple[float, float] | None:
        """The one that the target is about."""
        ends = self.kind in ("kill", "restart") and self.component in PROCESSES
        return self.from_blow if ends else self.from_return

    @property
    def on_time(self) -> bool:
        return self.measured is not None and self.measured[1] <= TARGET_S


def rows(blows: Iterable[Blow]) -> list[Row]:
    """The table, in the order of first appearance of components, then of kinds."""
    grouped: dict[tuple[str, str], list[Blow]] = {}
    for blow in blows:
        grouped.setdefault((blow.fault.component, blow.fault.kind), []).append(blow)
    return [
        Row(
            component,
            kind,
            len(some),
            median(blow.in_flight for blow in some),
            _spread([(b.flowed, b.began) for b in some]),
            _spread([(b.flowed, b.over) for b in some]),
        )
        for (component, kind), some in sorted(grouped.items())
    ]


def _spread(times: list[tuple[float | None, float]]) -> tuple[float, float] | None:
    found = [max(0.0, flowed - since) for flowed, since in times if flowed is not None]
    return (median(found), max(found)) if len(found) == len(times) else None
