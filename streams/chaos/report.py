"""The report of a run: a table of what was broken, and whether anything was lost."""

from collections import Counter
from collections.abc import Iterator

from streams.chaos.recovery import TARGET_S, Row, rows
from streams.chaos.run import Outcome

#: How components are called where people read of them.
NAMES = {
    "worker": "worker, with its relay",
    "intake": "intake, with its relay",
    "kafka": "Kafka",
    "postgres": "PostgreSQL",
    "cassandra": "Cassandra",
}
_HEAD = """\
| component | fault | times | orders in flight, p50 | flows again after it began, p50 and max | \
after it was over, p50 and max | within {target:.0f} s |
|---|---|---|---|---|---|---|"""


def missed(outcome: Outcome) -> list[str]:
    """What was lost, and what took too long; empty if all is well."""
    late = [
        f"{row.component}, {row.kind}: flowed again after {_spread(row.measured)}"
        for row in rows(outcome.blows)
        if not row.on_time
    ]
    idle = [] if outcome.blows else ["nothing was broken with an order in flight"]
    return [*outcome.lost, *late, *idle]


def report(outcome: Outcome) -> str:
    """As Markdown."""
    return "\n".join(_lines(outcome)) + "\n"


def _lines(outcome: Outcome) -> Iterator[str]:
    yield _HEAD.format(target=TARGET_S)
    for row in rows(outcome.blows):
        yield _line(row)
    kills = Counter(b.fault.component for b in outcome.blows if b.fault.kind == "kill")
    killed = ", ".join(f"{NAMES[name]} {count}" for name, count in sorted(kills.items()))
    yield ""
    yield (
        f"Seed {outcome.seed}, {outcome.seconds:.0f} s of faults at {outcome.rate:g} orders a"
        f" second, on {outcome.ran_on}: {len(outcome.blows)} faults with orders in flight"
        f" ({outcome.idle} without do not count). Killed with -9: {killed or 'nothing'}."
    )
    yield (
        f"{outcome.asked} orders asked for, {outcome.accepted} accepted;"
        f" {outcome.unanswered} requests were not answered, and asked again under the same id."
        f" {outcome.transfers} transfers over PostgreSQL and Cassandra beside them."
    )
    wrong = missed(outcome)
    yield (
        "NOT well:"
        if wrong
        else "Every accepted order ended exactly once, the books balance, ledger and outbox agree,"
        " no row has been prepared for over a minute, nothing is parked; every target was met."
    )
    yield from (f"- {line}" for line in wrong)
    yield from (f"- Left out: {line}" for line in outcome.left_out)


def _line(row: Row) -> str:
    mark = "yes" if row.on_time else "NO"
    times = [_spread(row.from_blow), _spread(row.from_return)]
    bold = 0 if row.measured is row.from_blow else 1
    times[bold] = f"**{times[bold]}**"
    cells = [NAMES[row.component], row.kind, str(row.count), f"{row.in_flight:g}", *times, mark]
    return f"| {' | '.join(cells)} |"


def _spread(times: tuple[float, float] | None) -> str:
    return f"{times[0]:.1f} / {times[1]:.1f} s" if times else "never"
