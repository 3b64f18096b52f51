"""The worst circle among some transactions, the shortest of its kind, and its name."""

from collections import deque
from collections.abc import Callable

from tests.checker.anomalies import Anomaly, Finding
from tests.checker.graph import Edge, Graph, Kind, circles
from tests.checker.history import Transaction

Allowed = Callable[[Edge], bool]

_SEEN = {Kind.WW, Kind.WR}
#: One edge of the first kind, closed by edges of the others; the worst come first, so each circle
#: has no less of what is bad than its name says.
_SHAPES = (
    (Anomaly.DIRTY_WRITE, Kind.WW, {Kind.WW}),
    (Anomaly.CYCLIC_FLOW, Kind.WR, _SEEN),
    (Anomaly.LOST_UPDATE, Kind.RW, {Kind.WW}),
    (Anomaly.READ_SKEW, Kind.RW, _SEEN),
    (Anomaly.WRITE_SKEW, Kind.RW, _SEEN | {Kind.RW}),
    (Anomaly.REAL_TIME, Kind.RT, _SEEN | {Kind.RT}),
    (Anomaly.STALE_READ, Kind.RW, _SEEN | {Kind.RT}),
    (Anomaly.REAL_TIME, Kind.RT, set(Kind)),
)


def findings(whole: Graph) -> list[Finding]:
    """One for each knot of transactions that cannot be brought into an order."""
    return [_worst(whole, knot) for knot in circles(whole)]


def _worst(whole: Graph, knot: set[Transaction]) -> Finding:
    edges = [e for node in knot for e in whole[node] if e.after in knot]
    for anomaly, first, rest in _SHAPES:
        cycles = []
        for edge in edges:
            if edge.kind is first:
                path = _path(whole, edge, _closing(anomaly, edge, rest, knot))
                cycles += [[edge, *path]] if path else []
        if cycles:
            shortest = min(cycles, key=lambda cycle: (len(cycle), str(cycle[0])))
            return Finding(anomaly, _proof(shortest))
    raise AssertionError(f"no circle among {knot}")


def _closing(anomaly: Anomaly, first: Edge, kinds: set[Kind], knot: set[Transaction]) -> Allowed:
    same_key = anomaly is Anomaly.LOST_UPDATE

    def allowed(edge: Edge) -> bool:
        in_knot = edge.after in knot and edge.kind in kinds
        return in_knot and not (same_key and edge.key != first.key)

    return allowed


def _path(whole: Graph, first: Edge, allowed: Allowed) -> list[Edge]:
    """The shortest way from the end of an edge to its begin; empty if there is none."""
    came: dict[Transaction, Edge] = {}
    waiting = deque([first.after])
    while waiting and first.before not in came:
        for edge in whole.get(waiting.popleft(), ()):
            if allowed(edge) and edge.after not in came:
                came[edge.after] = edge
                waiting.append(edge.after)
    path: list[Edge] = []
    node = first.before
    while node in came and node is not first.after:
        path.insert(0, came[node])
        node = came[node].before
    return path


def _proof(cycle: list[Edge]) -> str:
    return "\n".join([*(str(edge.before) for edge in cycle), *map(str, cycle)])
