"""The system and its floor, measured side by side: `make bench`, or `python -m tests.bench`.

Every part runs in a process of its own, one after another; docs/performance.md says how to read it.
"""

import argparse
import json
import multiprocessing
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from tests.bench import floor, http, parts, saga
from tests.bench.figures import Figure, loop_ms, machine, ratios, tables
from tests.bench.saga import QUICK, Scale
from tests.services import kafka

PARTS = ("floor", "embedded", "kafka", "http", "startup", "flat")
#: What --quick leaves out unless it is asked for by --only.
NOT_QUICK = ("http", "flat")
FLAT_ORDERS_LONG = 200_000


def fresh(work: Callable[..., list[Figure]], *arguments: Any) -> list[Figure]:
    """Run in a new process, so that memory and processor time are its own."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        return pool.submit(work, *arguments).result()


def measure(part: str, scale: Scale) -> list[Figure]:
    """One part of the benchmark."""
    match part:
        case "embedded":
            return _binding("embedded", "", scale)
        case "kafka":
            return _over_kafka(scale)
        case "floor":
            return fresh(floor.measure, scale)
        case "http":
            return fresh(http.measure, scale)
        case "startup":
            return fresh(http.startup, scale)
        case _:
            return fresh(saga.flat, scale)


def _binding(column: str, address: str, scale: Scale) -> list[Figure]:
    figures = fresh(saga.measure, column, address, scale)
    return figures + fresh(parts.measure, column, address, scale)


def _over_kafka(scale: Scale) -> list[Figure]:
    if reason := kafka.lacking():
        print(f"kafka: skipped: {reason}", flush=True)
        return []
    figures = []
    for work in (saga.measure, parts.measure):
        with kafka.running() as server:  # a new one for each: topics are read from their beginning
            figures += fresh(work, "kafka", server.address, scale)
    return figures


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="5,000 orders, short, without HTTP")
    parser.add_argument("--long", action="store_true", help="flatness up to 200,000 orders")
    parser.add_argument("--orders", type=int, help="orders of the runs at full speed")
    parser.add_argument("--only", action="append", choices=PARTS, help="this part; may be repeated")
    parser.add_argument("--json", type=Path, help="write the figures here, too")
    return parser.parse_args()


def main() -> None:
    asked = options()
    scale = QUICK if asked.quick else Scale()
    if asked.long:
        scale = replace(scale, flat_orders=FLAT_ORDERS_LONG)
    if asked.orders:
        scale = replace(scale, orders=asked.orders)
    facts = {"command": " ".join(["python -m tests.bench", *sys.argv[1:]]), **machine()}
    facts["loop before"] = f"{loop_ms():.0f} ms"
    figures: list[Figure] = []
    for part in asked.only or [p for p in PARTS if not (asked.quick and p in NOT_QUICK)]:
        print(f"measuring {part} ...", file=sys.stderr, flush=True)
        figures += measure(part, scale)
    facts["loop after"] = f"{loop_ms():.0f} ms"
    figures += ratios(figures)
    print("\n".join(f"{name:<12} {value}" for name, value in facts.items()), end="\n\n")
    print(tables(figures))
    if asked.json:
        found = {"facts": facts, "figures": [asdict(figure) for figure in figures]}
        asked.json.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
