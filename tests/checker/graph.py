"""Who must come before whom: dependencies between transactions, and where they run in circles."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from itertools import pairwise
from typing import NamedTuple

from tests.checker.history import ListOfValues, Outcome, Transaction, Value
from tests.checker.lists import Key, Lists


class Kind(Enum):
    """Why one comes before another; the value says it."""

    WW = "{0} appended to {key} before {1} did"
    WR = "{1} read what {0} had appended to {key}"
    RW = "{0} read {key} without what {1} appended"
    RT = "{0} had ended before {1} began"


class Edge(NamedTuple):
    """One dependency."""

    before: Transaction
    after: Transaction
    kind: Kind
    key: Key | None = None

    def __str__(self) -> str:
        return self.kind.value.format(self.before.name, self.after.name, key=self.key)


Graph = dict[Transaction, list[Edge]]


def graph(history: Sequence[Transaction], lists: Lists, *, in_real_time: bool) -> Graph:
    """All dependencies that the reads prove; who is unknown and was never seen has none."""
    found: Graph = defaultdict(list)
    edges = [edge for key, order in lists.orders.items() for edge in _growth(key, order, lists)]
    if in_real_time:
        seen = {one for edge in edges for one in edge[:2]}
        edges += _real_time([one for one in history if one in seen])
    for edge in edges:
        if edge.before is not edge.after:
            found[edge.before].append(edge)
    return found


def _growth(key: Key, order: ListOfValues, lists: Lists) -> Iterable[Edge]:
    writers = [_writer(lists, key, value) for value in order]
    for one, other in pairwise(writers):
        if one and other:
            yield Edge(one, other, Kind.WW, key)
    for writer in lists.unread[key]:
        if writers and writers[-1]:
            yield Edge(writers[-1], writer, Kind.WW, key)
    for reader, base in lists.bases[key]:
        length = len(base)
        last = writers[length - 1] if length else None
        if last:
            yield Edge(last, reader, Kind.WR, key)
        for following in writers[length : length + 1] or lists.unread[key]:
            if following and following is not last:  # else an intermediate read, found already
                yield Edge(reader, following, Kind.RW, key)


def _writer(lists: Lists, key: Key, value: Value) -> Transaction | None:
    """Who appended it; what was rolled back has no place among the others."""
    writer = lists.writers.get((key, value))
    return writer if writer and writer.outcome is not Outcome.FAIL else None


def _real_time(history: Sequence[Transaction]) -> Iterable[Edge]:
    """Edges only from those that ended last: others are before these."""
    events = [(one.began, 0, number) for number, one in enumerate(history)]
    events += [
        (one.ended, 1, number)
        for number, one in enumerate(history)
        if one.outcome is not Outcome.INFO
    ]
    before: dict[int, list[int]] = {}
    latest: list[int] = []
    for _, is_end, number in sorted(events):
        if is_end:
            earlier = set(before[number])
            latest = [*(one for one in latest if one not in earlier), number]
        else:
            before[number] = latest
            for one in latest:
                yield Edge(history[one], history[number], Kind.RT)


def circles(whole: Graph) -> list[set[Transaction]]:
    """The strongly connected components of more than one transaction (Kosaraju's way)."""
    forward = {node: [edge.after for edge in edges] for node, edges in whole.items()}
    backward: dict[Transaction, list[Transaction]] = defaultdict(list)
    for node, following in forward.items():
        for other in following:
            backward[other].append(node)
    left: list[Transaction] = []
    seen: set[Transaction] = set()
    for root in forward:
        _walk(root, forward, seen, left)
    seen.clear()
    found = []
    for root in reversed(left):
        component: list[Transaction] = []
        _walk(root, backward, seen, component)
        if len(component) > 1:
            found.append(set(component))
    return found


def _walk(
    root: Transaction,
    following: Mapping[Transaction, Iterable[Transaction]],
    seen: set[Transaction],
    left: list[Transaction],
) -> None:
    """Depth first over what was not seen; who is left for good is noted then."""
    if root in seen:
        return
    seen.add(root)
    path = [(root, iter(following.get(root, ())))]
    while path:
        node, others = path[-1]
        other = next((other for other in others if other not in seen), None)
        if other is None:
            path.pop()
            left.append(node)
        else:
            seen.add(other)
            path.append((other, iter(following.get(other, ()))))
