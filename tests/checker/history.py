"""Transactions over lists, as their processes wrote them down: a line at begin, one at the end."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from math import inf
from typing import Any, NamedTuple

Value = int
ListOfValues = tuple[Value, ...]


class Outcome(StrEnum):
    """How a transaction ended. INFO: nobody knows; it may have happened, or happen later."""

    OK = "ok"
    FAIL = "fail"
    INFO = "info"


class Operation(NamedTuple):
    """`read` is what a read answered, None if that is not known; `append` is None for reads."""

    key: int | str
    append: Value | None
    read: ListOfValues | None = None


@dataclass(frozen=True, eq=False)
class Transaction:
    """One of them; its effect is somewhere between begin and end, if it has one."""

    name: str
    outcome: Outcome
    began: float
    ended: float
    operations: tuple[Operation, ...]

    def appends(self, key: int | str) -> list[Value]:
        """What it appended to a list, in its order."""
        return [op.append for op in self.operations if op.key == key and op.append is not None]

    def __str__(self) -> str:
        return f"{self.name} {{{', '.join(map(_said, self.operations))}}}"


def _said(operation: Operation) -> str:
    if operation.append is not None:
        return f"{operation.key} << {operation.append}"
    read = "?" if operation.read is None else list(operation.read)
    return f"{operation.key} is {read}"


def transactions(lines: Iterable[dict[str, Any]]) -> list[Transaction]:
    """The transactions of a history's lines, which may come from several files.

    A line: process, type (invoke, ok, fail or info), time, tx, and value: a list of
    ["append", key, value] and ["r", key, values]. Who never ended is INFO.
    """
    under_way: dict[str, dict[str, Any]] = {}
    found: list[Transaction] = []
    for line in sorted(lines, key=lambda line: int(line["time"])):
        process = line["process"]
        if line["type"] == "invoke":
            assert process not in under_way, f"{process} began twice"
            under_way[process] = line
        else:
            found.append(_transaction(under_way.pop(process), line, len(found)))
    for begun in under_way.values():
        found.append(_transaction(begun, None, len(found)))
    return found


def _transaction(begun: dict[str, Any], end: dict[str, Any] | None, number: int) -> Transaction:
    outcome = Outcome(end["type"]) if end else Outcome.INFO
    last = end if end and outcome is Outcome.OK else begun
    tx = (end or {}).get("tx") or "no id"
    return Transaction(
        name=f"{begun['process']}#{number} ({tx})",
        outcome=outcome,
        began=begun["time"],
        ended=end["time"] if end and outcome is not Outcome.INFO else inf,
        operations=tuple(_operation(*parts) for parts in last["value"]),
    )


def _operation(kind: str, key: int | str, value: Any) -> Operation:
    if kind == "append":
        return Operation(key, value)
    assert kind == "r", kind
    return Operation(key, None, None if value is None else tuple(value))
