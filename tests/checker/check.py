"""Is a history of appends to lists one that the promised isolation allows? As Elle does it
(Kingsbury and Alvaro, VLDB 2020): lists tell the order of their writes, and circles are proofs."""

from collections.abc import Sequence

from tests.checker.anomalies import Finding, Model
from tests.checker.cycles import findings
from tests.checker.graph import graph
from tests.checker.history import Transaction
from tests.checker.lists import Lists

#: One is enough to look into, a few show what they have in common.
REPORTED_MAX = 5


def check(
    history: Sequence[Transaction], model: Model = Model.STRICT_SERIALIZABLE
) -> list[Finding]:
    """Everything in the history that the model forbids; nothing if it is good."""
    lists = Lists(history)
    whole = graph(history, lists, in_real_time=model.in_real_time)
    found = lists.findings + findings(whole)
    return [finding for finding in found if model.forbids(finding.anomaly)]


def report(found: Sequence[Finding]) -> str:
    """What was found, for people."""
    rest = len(found) - REPORTED_MAX
    more = [f"and {rest} more"] if rest > 0 else []
    return "\n\n".join([*map(str, found[:REPORTED_MAX]), *more])
