"""Both sides move money between the same accounts and are killed: nothing is lost or made."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from infra.engine.coordinator import Coordinator
from infra.engine.table import COMMITTED
from tests.interop.java import Java
from tests.interop.places import Place
from tests.mixed.players import play
from tests.mixed.sides import (
    BY_DEFAULT,
    ENOUGH,
    IN_TURN,
    Row,
    Sides,
    Way,
    seconds,
)

pytestmark = pytest.mark.service

ACCOUNTS, BALANCE = 10, 100
CASES = [
    pytest.param(BY_DEFAULT, 60, id="by default"),
    pytest.param(IN_TURN, 20, id="every way in turn"),
]


@pytest.fixture
def bank(java: Java, place: Place, namespace: str, tmp_path: Path) -> Sides:
    """Ten accounts, and a table of receipts."""
    sides = Sides(java, place, namespace, "account", tmp_path)
    sides.shop.create({"id": "INT", "balance": "INT"}, ["id"])
    sides.shop.create({"id": "TEXT"}, ["id"], table="receipt")
    with sides.shop.committed() as tx:
        for number in range(ACCOUNTS):
            tx.do("insert", key={"id": number}, values={"balance": BALANCE})
    return sides


@pytest.mark.parametrize(("ways", "lasts"), CASES)
async def test_transfers_of_both_sides_keep_the_total_through_kills(
    bank: Sides, ways: Sequence[Way], lasts: int
) -> None:
    bank.ways = ways
    seats = bank.seats(
        "bank", lambda name, _: {"journal": bank.file(name)}, accounts=ACCOUNTS, receipts="receipt"
    )
    killed = play(seats, seconds(lasts))
    bank.check_errors(killed)
    assert killed
    async with bank.engine() as engine:
        accounts = await bank.described(engine)
        for table in (accounts, await bank.described(engine, "receipt")):
            await bank.rest(engine, table)
        receipts = {row["id"] for row in await bank.place.rows(bank.namespace, "receipt")}
        for side in ("python", "java"):
            await told_the_truth(bank.lines(side), receipts, engine.coordinator)
        tx = engine.begin(read_only=True)
        found = await tx.scan_all(accounts)
    rows = await bank.place.rows(bank.namespace, "account")
    assert sum(row["tx_version"] for row in rows) == ACCOUNTS + 2 * len(receipts)
    assert sum(row["balance"] for row in rows) == ACCOUNTS * BALANCE
    balances = {row["id"]: row["balance"] for row in rows}
    assert {record.values[0]: record.values[1] for record in found} == balances
    assert balances == replayed(bank, receipts)


async def told_the_truth(lines: list[Row], receipts: set[str], coordinator: Coordinator) -> None:
    """Who was told `committed` has a receipt, who was told `aborted` has none, and where nobody
    was told, the coordinator says what is true, if it knows."""
    said = {line["tx"]: line for line in lines if line["type"] == "begun"}
    said |= {line["tx"]: line for line in lines if line["type"] != "begun"}
    kinds = {kind: {t for t, line in said.items() if line["type"] == kind} for kind in
             ("committed", "aborted", "begun", "unknown")}  # fmt: skip
    assert kinds["committed"] <= receipts
    assert not kinds["aborted"] & receipts
    assert len(kinds["committed"]) >= ENOUGH, "too few to mean anything"
    for tx in kinds["begun"] | kinds["unknown"]:
        if state := await coordinator.state_of(said[tx].get("id", tx)):
            assert (state.state == COMMITTED) == (tx in receipts), tx


def replayed(bank: Sides, receipts: set[str]) -> dict[int, int]:
    """The balances as the journals' transfers make them, which commute."""
    balances = dict.fromkeys(range(ACCOUNTS), BALANCE)
    for line in bank.lines("python") + bank.lines("java"):
        if line["type"] == "begun" and line["tx"] in receipts:
            here, there, amount = line["moved"]
            balances[here] -= amount
            balances[there] += amount
    return balances
