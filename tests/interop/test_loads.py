"""The driver's workloads: what they count is what is in the database, also after a kill."""

import json
import time
from pathlib import Path
from typing import Any

import pytest

from tests.interop.java import Java, JavaError, running
from tests.interop.places import Place
from tests.interop.shop import Shop

pytestmark = pytest.mark.service

ACCOUNTS, BALANCE = 10, 100
COMMITTED = 3
CONFLICTS = {"CommitConflictException", "CrudConflictException", "UncommittedRecordException"}
#: Records that a read resolved are written by threads of the library's own.
RESOLUTION_LIMIT_SECONDS = 20


@pytest.fixture
def bank(java: Java, place: Place, namespace: str) -> Shop:
    """Ten accounts, and a table of receipts."""
    shop = Shop(java, place.name, namespace, "account")
    shop.create({"id": "INT", "balance": "INT"}, ["id"])
    shop.create({"id": "TEXT"}, ["id"], table="receipt")
    with shop.committed() as tx:
        for number in range(ACCOUNTS):
            tx.do("insert", key={"id": number}, values={"balance": BALANCE})
    return shop


def lines(file: Path) -> list[dict[str, Any]]:
    """The whole lines; a kill may have cut the last one."""
    whole = file.read_text().split("\n")[:-1] if file.exists() else []
    return [json.loads(line) for line in whole]


async def balanced(place: Place, bank: Shop, committed: int) -> None:
    """Nothing was lost or made, and each commit wrote two accounts."""
    with bank.committed(readOnly=True) as tx:  # it resolves what a kill left
        balances = [tx.do("get", key={"id": n})["balance"] for n in range(ACCOUNTS)]
    assert sum(balances) == ACCOUNTS * BALANCE
    end = time.monotonic() + RESOLUTION_LIMIT_SECONDS
    rows = await place.rows(bank.namespace, "account")
    while {row["tx_state"] for row in rows} != {COMMITTED}:  # the library does it aside
        assert time.monotonic() < end
        rows = await place.rows(bank.namespace, "account")
    assert sum(row["tx_version"] for row in rows) == ACCOUNTS + 2 * committed


async def test_transfers_keep_the_total_and_are_counted(
    place: Place, bank: Shop, tmp_path: Path
) -> None:
    journal = tmp_path / "journal"
    said = bank.ask(
        "bank", accounts=ACCOUNTS, receipts="receipt", threads=4, seconds=2, seed=7,
        journal=str(journal),
    )  # fmt: skip
    assert said["committed"] > 0
    assert said["unknown"] == []
    committed = {line["tx"] for line in lines(journal) if line["type"] == "committed"}
    assert len(committed) == said["committed"]
    receipts = {row["id"] for row in await place.rows(bank.namespace, "receipt")}
    assert receipts == committed
    await balanced(place, bank, said["committed"])


def test_a_run_ends_when_it_is_told_to(bank: Shop) -> None:
    under_way = bank.java.send(
        "bank", store=bank.store, namespace=bank.namespace, table=bank.table,
        accounts=ACCOUNTS, run="endless",
    )  # fmt: skip
    while not bank.java.ask("stop", run="endless"):
        continue
    assert set(under_way.result(20)) == {"committed", "aborted", "unknown", "errors"}
    assert bank.java.ask("stop", run="endless") is False


async def test_a_killed_process_leaves_a_journal_of_what_it_had_begun(
    place: Place, bank: Shop, tmp_path: Path
) -> None:
    journal = tmp_path / "journal"
    with running() as victim:
        victim.ask("open", properties=place.properties)
        under_way = victim.send(
            "bank", namespace=bank.namespace, table="account", receipts="receipt",
            accounts=ACCOUNTS, threads=4, journal=str(journal),
        )  # fmt: skip
        while len(lines(journal)) < 50:
            assert not under_way.done()
        victim.kill()
        with pytest.raises(JavaError, match="the process ended"):
            under_way.result(1)
    begun = {line["tx"] for line in lines(journal) if line["type"] == "begun"}
    ended = {line["tx"] for line in lines(journal) if line["type"] != "begun"}
    states = {tx: bank.ask_plain("abort", tx=tx) for tx in begun - ended}
    assert set(states.values()) <= {"COMMITTED", "ABORTED"}
    committed = {line["tx"] for line in lines(journal) if line["type"] == "committed"}
    committed |= {tx for tx, state in states.items() if state == "COMMITTED"}
    await balanced(place, bank, len(committed))


def test_lists_are_appended_to_and_every_operation_is_in_the_history(
    java: Java, place: Place, namespace: str, tmp_path: Path
) -> None:
    shop = Shop(java, place.name, namespace, "list")
    shop.create({"k": "INT", "v": "TEXT"}, ["k"])
    file = tmp_path / "history"
    said = shop.ask(
        "append", keys=3, threads=3, seconds=2, process="java", first=7, apart=10,
        isolation="SERIALIZABLE", history=str(file),
    )  # fmt: skip
    history = lines(file)
    ended = [line for line in history if line["type"] != "invoke"]
    assert len(ended) == sum(said["counts"].values()) == len(history) / 2
    done = [operation for line in ended if line["type"] == "ok" for operation in line["value"]]
    appended = [value for name, _, value in done if name == "append"]
    assert len(set(appended)) == len(appended) > 0
    assert {value % 10 for value in appended} == {7}
    for name, key, value in done:
        if name == "append":
            assert str(value) in (shop.get(k=key) or {})["v"].split(",")


@pytest.mark.parametrize("workload", ["order", "rmw"])
def test_a_workload_is_measured(java: Java, place: Place, namespace: str, workload: str) -> None:
    sizes = {"products": 20, "customers": 20, "records": 20}
    java.ask("benchTables", store=place.name, namespace=namespace, **sizes)
    said = java.ask(
        "bench", store=place.name, namespace=namespace, workload=workload, threads=2,
        warmup=0, seconds=1, **sizes,
    )  # fmt: skip
    assert said["transactions"] > 0
    assert 0 < said["p50_ms"] <= said["p99_ms"]
    assert said["cpu_ms"] > 0
    assert set(said["errors"]) <= CONFLICTS
