"""What must hold once everything rests: each accepted order ended once, nothing is left half done.

`odori check` recomputes the books; this is what only who broke things knows or asks for.
"""

from collections.abc import Collection, Iterator
from typing import get_args, get_type_hints

from infra.engine.several import Several
from streams.topology import Topology

#: What is told of one check.
SHOWN_MAX_COUNT = 5
#: A row may be prepared for so long before somebody must have finished it.
PREPARED_MAX_MS = 60_000
#: ScalarDB's states of a row whose transaction is not decided: PREPARED and DELETED.
_UNDECIDED = "(1, 2)"

_ENDS = """
    SELECT json_extract(headers, '$.saga'),
      sum(CASE WHEN type = 'odori.order.OrderPlaced.v1' THEN 1 ELSE 0 END),
      sum(CASE WHEN type <> 'odori.order.OrderPlaced.v1' THEN 1 ELSE 0 END)
    FROM "order$outbox" WHERE type IN ('odori.order.OrderPlaced.v1',
      'odori.order.OrderConfirmed.v1', 'odori.order.OrderCancelled.v1')
    GROUP BY json_extract(headers, '$.saga')
"""
#: What was announced without an effect in the ledger; both carry the message that caused them.
_WITHOUT_LEDGER = """
    SELECT type, json_extract(headers, '$.saga') FROM "{0}$outbox"
    WHERE aggregatetype <> '{0}.dlq' AND json_extract(headers, '$.cause') NOT IN (
      SELECT cause FROM "{0}$ledger"
      UNION SELECT undone_by FROM "{0}$ledger" WHERE undone_by IS NOT NULL)
"""
#: Effects of steps that always announce something, without an announcement.
_WITHOUT_OUTBOX = """
    SELECT step, saga FROM "{0}$ledger"
    WHERE step IN ({1}) AND state IN ('done', 'undone', 'refused')
      AND cause NOT IN (SELECT coalesce(json_extract(headers, '$.cause'), '') FROM "{0}$outbox")
"""
#: Lanes whose numbers have a hole, or whose messages were not all published.
_LANES = """
    SELECT l.lane, l.next - 1, l.published, (SELECT count(*) FROM "{0}$outbox" o
      WHERE o.lane = l.lane)
    FROM "{0}$lanes" l
"""
_PARKED = """SELECT saga, type, state, reason FROM "{0}$parked" """
_PREPARED = """SELECT count(*) FROM "{0}${1}" WHERE tx_state IN {2} AND tx_prepared_at < ?"""


def lost(several: Several, topology: Topology, accepted: Collection[str], now_ms: int) -> list[str]:
    """What does not hold, a line each; whatever is read is read as of one moment."""
    with several.snapshot():
        found = list(ends(several, accepted))
        for part in topology.parts.values():
            for check in (agree, lanes, parked):
                found += _few(list(check(several, part.name, topology)))
            for table in part.tables:
                found += prepared(several, part.name, table.name, now_ms)
    return found


def ends(several: Several, accepted: Collection[str]) -> list[str]:
    """Every accepted order was placed once and ended once."""
    said = {saga: (placed, ended) for saga, placed, ended in several.rows(_ENDS)}
    wrong = {order: said.get(order, (0, 0)) for order in accepted}
    return _few(
        [
            f"{order} was accepted, placed {placed} times and ended {ended} times"
            for order, (placed, ended) in wrong.items()
            if (placed, ended) != (1, 1)
        ]
    )


def agree(several: Several, domain: str, topology: Topology) -> Iterator[str]:
    """What was announced has its effect in the ledger, and the other way round."""
    for type_, saga in several.rows(_WITHOUT_LEDGER.format(domain)):
        yield f"{domain}: {type_} of {saga} was announced, and the ledger has no effect of it"
    if steps := sorted(_speaking(topology, domain)):
        names = ", ".join(f"'{step}'" for step in steps)
        for step, saga in several.rows(_WITHOUT_OUTBOX.format(domain, names)):
            yield f"{domain}: {step} of {saga} is in the ledger, and nothing was announced"


def _speaking(topology: Topology, domain: str) -> Iterator[str]:
    """Steps that never are silent."""
    for step in topology.parts[domain].domain.steps.values():
        silent = type(None) in get_args(get_type_hints(step.function)["return"])
        if step.announces and not silent:
            yield step.name


def lanes(several: Several, domain: str, _: Topology) -> Iterator[str]:
    """Every lane is without a hole, and published to its end."""
    for lane, last, published, count in several.rows(_LANES.format(domain)):
        if not last == published == count:
            yield f"{domain}: lane {lane} has {count} of {last} messages, {published} published"


def parked(several: Several, domain: str, _: Topology) -> Iterator[str]:
    """Nothing waits, and nothing died: no fault is a reason to give an order up."""
    for saga, type_, state, reason in several.rows(_PARKED.format(domain)):
        yield f"{domain}: {type_} of {saga} is parked ({state}): {reason}"


def prepared(several: Several, domain: str, table: str, now_ms: int) -> list[str]:
    """No row has been prepared for longer than a minute."""
    sql = _PREPARED.format(domain, table, _UNDECIDED)
    [(count,)] = several.rows(sql, now_ms - PREPARED_MAX_MS)
    return [f"{domain}.{table}: {count} rows have been prepared for over a minute"] * bool(count)


def _few(lines: list[str]) -> list[str]:
    more = len(lines) - SHOWN_MAX_COUNT
    return lines[:SHOWN_MAX_COUNT] + [f"... and {more} more of the kind"] * (more > 0)
