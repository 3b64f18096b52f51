"""The closing summary: what became of the orders, how fast, and what had to be taken back."""

from collections import Counter
from collections.abc import Sequence, Set
from math import ceil
from typing import Any

from rich.console import Console
from rich.table import Table

from streams.publishing.ends import CANCELLED, CONFIRMED, REJECTED, End


def percentile(ordered: Sequence[int], share: float) -> int | None:
    """The value below which this share of them lies (nearest rank); none has none."""
    return ordered[max(0, ceil(len(ordered) * share) - 1)] if ordered else None


def summary(
    ends: Sequence[End],
    *,
    existed: Set[str],
    sent: int,
    unreadable: Sequence[str],
    seconds: float,
) -> dict[str, Any]:
    """The numbers, as --json prints them; speed is that of the orders that did not exist before."""
    fresh = [end for end in ends if end.order_id not in existed]
    took = sorted(end.ended_ms - end.accepted_ms for end in fresh if end.outcome != REJECTED)
    reasons = {
        outcome: dict(Counter(e.reason for e in ends if e.outcome == outcome).most_common())
        for outcome in (CANCELLED, REJECTED)
    }
    undone = Counter(step for end in ends for step in end.undone)
    return {
        "orders": sent,
        "existedAlready": len(existed),
        "unreadable": list(unreadable),
        "confirmed": sum(end.outcome == CONFIRMED for end in ends),
        **reasons,
        "notEnded": sent - len(ends),
        "seconds": round(seconds, 3),
        "ordersPerSecond": round(len(fresh) / seconds, 1) if seconds else 0.0,
        "p50Ms": percentile(took, 0.50),
        "p99Ms": percentile(took, 0.99),
        "compensations": dict(undone.most_common()),
    }


def show(told: dict[str, Any], console: Console) -> None:
    """The numbers as a table."""
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column()
    table.add_column(justify="right")
    table.add_row("orders", f"{told['orders']}")
    if told["existedAlready"]:
        table.add_row("  that existed already", f"{told['existedAlready']}")
    table.add_row("confirmed", f"{told['confirmed']}")
    for word in ("cancelled", "rejected"):
        table.add_row(word, f"{sum(told[word].values())}")
        for reason, count in told[word].items():
            table.add_row(f"  {reason}", f"{count}")
    if told["notEnded"]:
        table.add_row("not ended", f"{told['notEnded']}")
    if told["unreadable"]:
        table.add_row("lines that are no order", f"{len(told['unreadable'])}")
    if told["ordersPerSecond"]:
        table.add_row("orders/s", f"{told['ordersPerSecond']}")
    if told["p50Ms"] is not None:
        table.add_row("accepted to ended, p50", f"{told['p50Ms']} ms")
        table.add_row("accepted to ended, p99", f"{told['p99Ms']} ms")
    table.add_row("compensations run", f"{sum(told['compensations'].values())}")
    for step, count in told["compensations"].items():
        table.add_row(f"  {step} taken back", f"{count}")
    console.print(table)
