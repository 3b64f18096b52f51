"""This engine beside Java's and beside plain SQL, in turn on one PostgreSQL: `make bench-engine`.

docs/performance.md says how to read it.
"""

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from tests.bench.engines import pgbench, server
from tests.bench.engines.ours import FIRST, SECOND
from tests.bench.figures import loop_ms, machine
from tests.interop import java
from tests.interop.places import CassandraPlace, PostgresPlace, together
from tests.services import cassandra
from tests.services.postgres import Postgres, lacking
from tests.services.process import started

CLIENTS = (1, 8, 32)
BATCHES = (1, 10, 100, 500)
PARTS = ("order", "rmw", "batch", "two")
_ONE_PHASE = "scalar.db.consensus_commit.one_phase_commit.enabled"
_GROUP = "scalar.db.consensus_commit.coordinator.group_commit.enabled"


@dataclass
class Bench:
    """The servers, both sides' settings, and how long each run takes."""

    java: java.Java
    postgres: Postgres
    folder: Path
    seconds: int
    warmup: int
    rounds: int

    def ours(self, properties: dict[str, str], workload: str, clients: int) -> dict[str, Any]:
        path = self.folder / "scalardb.properties"
        path.write_text("".join(f"{key}={value}\n" for key, value in properties.items()))
        command = [sys.executable, "-m", "tests.bench.engines.ours", str(path), workload]
        command += [str(clients), "1", str(self.seconds)]
        return dict(json.loads(subprocess.run(command, check=True, capture_output=True).stdout))

    def theirs(self, store: str, workload: str, clients: int) -> dict[str, Any]:
        return dict(
            self.java.ask(
                "bench", patience=120, store=store, namespace=FIRST, workload=workload,
                threads=clients, seconds=self.seconds + self.warmup, warmup=self.warmup,
                second=SECOND if store == "two" else None,
            )
        )  # fmt: skip


def counted(bench: Bench, work: Any, *arguments: Any) -> dict[str, Any]:
    """A report with what the database did for each transaction, the warm-up included."""
    assert bench.postgres.process
    pid = bench.postgres.process.pid
    before = asyncio.run(server.reading(bench.postgres.url, pid))
    report = work(*arguments)
    after = asyncio.run(server.reading(bench.postgres.url, pid))
    # The warm-up did as many per second as the rest.
    all_ = report["transactions"] * (1 + _warmup(bench, work) / report["seconds"])
    report["db_ms"] = (after.cpu_s - before.cpu_s) * 1_000 / all_
    report["commits"] = (after.commits - before.commits) / all_
    report["statements"] = (after.statements - before.statements) / all_
    return dict(report)


def _warmup(bench: Bench, work: Any) -> int:
    return bench.warmup if work == bench.theirs else 1


COLUMNS = (
    "per_second",
    "p50_ms",
    "p99_ms",
    "cpu_ms",
    "db_ms",
    "statements",
    "commits",
    "conflicts",
)


Contenders = dict[str, tuple[Any, ...]]


def show(title: str, found: dict[str, list[dict[str, Any]]]) -> None:
    """The median round of each contender, and how far its rounds lay apart."""
    print(f"\n{title}")
    print(f"{'':<26}" + "".join(f"{name:>12}" for name in COLUMNS) + f"{'rounds':>16}")
    for name, rounds in found.items():
        rates = sorted(one["per_second"] for one in rounds)
        middle = min(rounds, key=lambda one: abs(one["per_second"] - median(rates)))
        cells = "".join(_cell(middle.get(column)) for column in COLUMNS)
        print(f"{name:<26}{cells}{f'{rates[0]:,.0f}-{rates[-1]:,.0f}':>16}", flush=True)


def _cell(value: Any) -> str:
    return f"{'-':>12}" if value is None else f"{value:>12,.{0 if value >= 100 else 2}f}"


def compare(bench: Bench, title: str, contenders: Contenders) -> None:
    """Every contender in turn, round by round, so that a slow minute hits all of them."""
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in contenders}
    for _ in range(bench.rounds):
        for name, work in contenders.items():
            found[name].append(counted(bench, *work))
    show(title, found)


def postgres_only(bench: Bench, place: PostgresPlace, parts: list[str]) -> None:
    usual, one = dict(place.properties), place.properties | {_ONE_PHASE: "true"}
    three = place.properties | {_ONE_PHASE: "false"}
    for workload in (part for part in ("order", "rmw") if part in parts):
        for clients in CLIENTS:
            contenders: Contenders = {
                "Odori": (bench.ours, one, workload, clients),
                "Odori, three phases": (bench.ours, three, workload, clients),
                "Java, defaults": (bench.theirs, "usual", workload, clients),
                "Java, one phase": (bench.theirs, "one", workload, clients),
            }
            if workload == "order":
                contenders |= {
                    "Java, group commit": (bench.theirs, "grouped", workload, clients),
                    "Odori, group commit": (
                        bench.ours, three | {_GROUP: "true"}, workload, clients
                    ),
                    "plain asyncpg": (bench.ours, usual, "plain-batch-1", clients),
                    "pgbench": (pgbench.order, bench.postgres, clients, bench.seconds),
                }  # fmt: skip
            compare(bench, f"{workload}, {clients} clients", contenders)
    if "batch" in parts:
        for size in BATCHES:
            contenders = {
                "Odori": (bench.ours, one, f"batch-{size}", 1),
                "plain asyncpg": (bench.ours, usual, f"plain-batch-{size}", 1),
                "Java, defaults, 8 x 1": (bench.theirs, "usual", "order", 8),
            }
            compare(bench, f"orders in batches of {size}, 1 client", contenders)


def two_storages(bench: Bench, place: PostgresPlace) -> None:
    """Stock and wallets on PostgreSQL, what grows on Cassandra."""
    if reason := cassandra.lacking():
        print(f"two storages: skipped: {reason}")
        return
    with cassandra.running() as cluster:
        other = CassandraPlace(cluster.address)
        properties = together(place, {SECOND: other})
        other.close()
        prepare(bench, "two", properties, SECOND)
        for clients in CLIENTS:
            contenders: Contenders = {
                "Odori": (bench.ours, properties, "order", clients),
                "Java, defaults": (bench.theirs, "two", "order", clients),
            }
            compare(bench, f"order over PostgreSQL and Cassandra, {clients} clients", contenders)
        bench.java.ask("close", store="two")


def prepare(bench: Bench, store: str, properties: dict[str, str], second: str = FIRST) -> None:
    """Java makes the tables, which this engine finds."""
    ask = bench.java.ask
    ask("open", store=store, properties=properties)
    ask("createCoordinatorTables", store=store)
    for namespace in dict.fromkeys((FIRST, second)):
        ask("createNamespace", store=store, namespace=namespace)
    ask("benchTables", store=store, namespace=FIRST, second=second, patience=120)


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.engines", description=__doc__)
    parser.add_argument("--only", action="append", choices=PARTS, help="this part; repeatable")
    parser.add_argument("--seconds", type=int, default=6, help="of each measurement")
    parser.add_argument("--warmup", type=int, default=6, help="seconds, for Java to compile")
    parser.add_argument("--rounds", type=int, default=3, help="each contender in turn, so often")
    return parser.parse_args()


def main() -> None:
    asked = options()
    if reason := lacking() or java.lacking():
        raise SystemExit(reason)
    facts = {"command": " ".join(["python -m tests.bench.engines", *sys.argv[1:]]), **machine()}
    facts["loop before"] = f"{loop_ms():.0f} ms"
    print("\n".join(f"{name:<12} {value}" for name, value in facts.items()), flush=True)
    parts = asked.only or list(PARTS)
    if parts != ["two"]:
        with opened(asked) as (bench, place):
            grouped = place.properties | {_GROUP: "true"}
            prepare(bench, "grouped", grouped)
            one = place.properties | {_ONE_PHASE: "true"}
            for store, properties in (("usual", place.properties), ("one", one)):
                bench.java.ask("open", store=store, properties=properties)
            postgres_only(bench, place, parts)
    if "two" in parts:
        with opened(asked) as (bench, place):
            two_storages(bench, place)
    print(f"\nloop after   {loop_ms():.0f} ms")


@contextmanager
def opened(asked: argparse.Namespace) -> Iterator[tuple[Bench, PostgresPlace]]:
    """A fresh PostgreSQL that writes through to the disk, and a Java process beside it."""
    counting = {"shared_preload_libraries": "pg_stat_statements"}
    with ExitStack() as stack:
        postgres = stack.enter_context(started(lambda folder: Postgres(folder, settings=counting)))
        driver = stack.enter_context(java.running("1g"))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        bench = Bench(driver, postgres, folder, asked.seconds, asked.warmup, asked.rounds)
        yield bench, PostgresPlace(postgres.url)


if __name__ == "__main__":
    main()
