"""Both sides read lists, append to them and are killed: the history is strictly serializable."""

import time

import pytest

from infra.engine.consensus import ConsensusCommit
from infra.engine.table import Table
from tests.checker.anomalies import Anomaly, Model
from tests.checker.check import check, report
from tests.checker.history import Transaction, transactions
from tests.interop.shop import Shop
from tests.mixed.players import play
from tests.mixed.sides import ENOUGH, IN_TIME, Row, Sides, seconds

pytestmark = pytest.mark.service

KEYS = 4
#: So many transactions under SNAPSHOT were never seen without write skew.
SKEWED_FROM = 2_000
#: Numbers that one process appends are so far apart, and begin with a number of its own.
PROCESSES_MAX = 1_000
SERIALIZABLE_SECONDS, SNAPSHOT_SECONDS = 30, 15


async def test_what_both_sides_did_is_strictly_serializable_through_kills(lists: Sides) -> None:
    lists.ways = IN_TIME
    found = check(await history_of(lists, "SERIALIZABLE", seconds(SERIALIZABLE_SECONDS)))
    assert not found, report(found)


async def test_what_both_sides_did_under_snapshot_is_skewed_at_worst(
    lists: Sides,
) -> None:
    history = await history_of(lists, "SNAPSHOT", seconds(SNAPSHOT_SECONDS))
    found = check(history, Model.SNAPSHOT)
    assert not found, report(found)
    if len(history) > SKEWED_FROM:
        assert Anomaly.WRITE_SKEW in {finding.anomaly for finding in check(history)}


async def history_of(lists: Sides, isolation: str, lasts: float) -> list[Transaction]:
    """Kill both sides as they work; all that they did, and how the lists are at last."""
    seats = lists.seats(
        "append",
        lambda name, number: {"history": lists.file(name), "process": name, "first": number},
        keys=KEYS,
        isolation=isolation,
        apart=PROCESSES_MAX,
    )
    began = time.monotonic_ns()
    killed = play(seats, lasts)
    lists.check_errors(killed)
    assert killed
    lines = lists.lines("python") + lists.lines("java")
    # Java's clock is this one, or times of different processes would mean nothing.
    assert all(began < line["time"] < time.monotonic_ns() for line in lines)
    async with lists.engine() as engine:
        table = await lists.described(engine)
        await lists.rest(engine, table)
        history = transactions(lines + await last_reads(lists, engine, table))
    for side in ("python", "java"):
        ended = [one for one in history if one.name.startswith(side) and one.outcome == "ok"]
        assert len(ended) >= ENOUGH, "too few to mean anything"
    return history


async def last_reads(lists: Sides, engine: ConsensusCommit, table: Table) -> list[Row]:
    """Every list as it is at last, read by each side, a transaction for each."""
    began = time.monotonic_ns()
    found = {
        "python": {r.values[0]: r.values[1] for r in await engine.begin().scan_all(table)},
        "java": {row["k"]: row["v"] for row in scanned(lists.shop)},
    }
    assert found["python"] == found["java"]
    keys = {operation[1] for line in lists.lines("") for operation in line["value"]}
    values = {key: [int(v) for v in found["java"].get(key, "").split(",") if v] for key in keys}
    return [
        {"process": f"last-{key}", "type": kind, "time": at, "value": [["r", key, values[key]]]}
        for key in keys
        for kind, at in (("invoke", began), ("ok", time.monotonic_ns()))
    ]


def scanned(shop: Shop) -> list[Row]:
    with shop.committed(readOnly=True) as tx:
        rows: list[Row] = tx.do("scan", all=True)
    return rows
