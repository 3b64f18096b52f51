"""Replay one seed, or run many: python -m tests.simulation --seed 7 -v."""

import argparse
import logging
import multiprocessing
import sys
import time
import traceback
from collections.abc import Iterable, Iterator

from infra.observe import log_to
from tests.simulation.world import live

ORDERS_COUNT = 40


def outcome(seed: int, orders: int = ORDERS_COUNT, verbose: bool = False) -> str:
    """Empty if the world of this seed holds; otherwise what broke, and how to see it again."""
    try:
        live(seed, orders, print if verbose else None)
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        told = str(error) if isinstance(error, AssertionError) and str(error) else ""
        story = told or "".join(traceback.format_exception(error))
        return f"{story}\nreplay: python -m tests.simulation --seed {seed} --orders {orders} -v"
    return ""


def outcomes(seeds: Iterable[int], jobs: int) -> Iterator[tuple[int, str]]:
    """Every seed with its outcome, on several cores."""
    with multiprocessing.get_context("fork").Pool(jobs) as pool:
        yield from pool.imap_unordered(_numbered, seeds)


def _numbered(seed: int) -> tuple[int, str]:
    return seed, outcome(seed)


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seed", type=int, help="this one only")
    parser.add_argument("--seeds", type=int, default=200, help="the first so many")
    parser.add_argument("--orders", type=int, default=ORDERS_COUNT, help="about so many orders")
    parser.add_argument("--jobs", type=int, default=multiprocessing.cpu_count())
    parser.add_argument("-v", "--verbose", action="store_true", help="tell what happens")
    asked = parser.parse_args()
    log_to(level=logging.INFO if asked.verbose else logging.CRITICAL)
    if asked.seed is not None:
        broken = outcome(asked.seed, asked.orders, asked.verbose)
        print(broken or f"seed {asked.seed} holds")
        return bool(broken)
    began, failed = time.monotonic(), 0
    for seed, broken in outcomes(range(asked.seeds), asked.jobs):
        if broken:
            failed += 1
            print(f"seed {seed}: {broken}\n")
    print(f"{asked.seeds} seeds, {failed} broken, {time.monotonic() - began:.0f} s")
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
