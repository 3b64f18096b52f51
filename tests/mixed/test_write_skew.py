"""Write skew between the sides happens under SNAPSHOT, as in ScalarDB, and not SERIALIZABLE."""

import pytest

from infra.engine.buffered import BufferedTransaction
from infra.engine.engine import Isolation
from infra.engine.errors import Conflict
from infra.engine.table import Table
from tests.checker.anomalies import Anomaly, Model
from tests.checker.check import check
from tests.checker.history import Operation, Outcome, Transaction
from tests.interop.java import JavaError
from tests.interop.shop import Transaction as JavaTransaction
from tests.mixed.sides import Sides

pytestmark = pytest.mark.service

X, Y = 1, 2
ORDERS = [("python", "java"), ("java", "python")]


@pytest.mark.parametrize("order", ORDERS, ids="-".join)
async def test_under_snapshot_write_skew_happens_and_nothing_worse(
    lists: Sides, order: tuple[str, str]
) -> None:
    history = await each_reads_both_and_writes_one(lists, "SNAPSHOT", order)
    assert [finding.anomaly for finding in check(history)] == [Anomaly.WRITE_SKEW]
    assert not check(history, Model.SNAPSHOT)


@pytest.mark.parametrize("order", ORDERS, ids="-".join)
async def test_under_serializable_the_second_one_is_refused(
    lists: Sides, order: tuple[str, str]
) -> None:
    history = await each_reads_both_and_writes_one(lists, "SERIALIZABLE", order)
    outcomes = {one.name: one.outcome for one in history}
    assert [outcomes[side] for side in order] == [Outcome.OK, Outcome.FAIL]
    assert not check(history)


async def each_reads_both_and_writes_one(
    lists: Sides, isolation: str, order: tuple[str, str]
) -> list[Transaction]:
    """Python appends to X, Java to Y, both before either commits; what was there afterwards."""
    async with lists.engine() as engine:
        table = await lists.described(engine)
        python = engine.begin(isolation=Isolation(isolation))
        java = lists.shop.begin(isolation=isolation)
        await python.fetch({table: [(X,), (Y,)]})
        assert python.seen(table, (X,)) is python.seen(table, (Y,)) is None
        assert java.do("get", key={"k": X}) is java.do("get", key={"k": Y}) is None
        python.put(table, (X, "1"))
        java.do("upsert", key={"k": Y}, values={"v": "2"})
        ended = {}
        for side in order:
            ended[side] = await python_ends(python) if side == "python" else java_ends(java)
        reads = await last_reads(lists, python=engine.begin(), table=table)
    nothing = Operation(X, None, ()), Operation(Y, None, ())
    return [
        Transaction("python", ended["python"], 0, 10, (*nothing, Operation(X, 1))),
        Transaction("java", ended["java"], 0, 10, (*nothing, Operation(Y, 2))),
        Transaction("last", Outcome.OK, 20, 30, reads),
    ]


async def last_reads(
    lists: Sides, python: BufferedTransaction, table: Table
) -> tuple[Operation, ...]:
    """Both lists as either side sees them."""
    await python.fetch({table: [(X,), (Y,)]})
    reads = []
    for key in (X, Y):
        record, row = python.seen(table, (key,)), lists.shop.get(k=key)
        assert (record and record.values[1]) == (row and row["v"])
        reads.append(Operation(key, None, (int(row["v"]),) if row else ()))
    return tuple(reads)


async def python_ends(tx: BufferedTransaction) -> Outcome:
    try:
        await tx.commit()
    except Conflict:
        return Outcome.FAIL
    return Outcome.OK


def java_ends(tx: JavaTransaction) -> Outcome:
    try:
        tx.end("commit")
    except JavaError as error:
        if error.kind != "CommitConflictException":
            raise
        return Outcome.FAIL
    return Outcome.OK
