"""Each anomaly in a history of its own is found under its name, and good histories pass."""

import random
from math import inf

import pytest

from tests.checker.anomalies import Anomaly, Model
from tests.checker.check import check, report
from tests.checker.history import Operation, Outcome, Transaction, transactions


def tx(
    name: str, *said: str, at: tuple[float, float] = (0, 100), outcome: str = "ok"
) -> Transaction:
    """A transaction that says `x+1` for an append, `x=12` for a read of two values, `x?` for a
    read whose answer is unknown. All are at once unless `at` says otherwise."""
    began, ended = at
    operations = tuple(map(operation, said))
    return Transaction(
        name, Outcome(outcome), began, inf if outcome == "info" else ended, operations
    )


def operation(said: str) -> Operation:
    key, sign, digits = said[0], said[1], said[2:]
    values = tuple(map(int, digits))
    if sign == "+":
        return Operation(key, values[0])
    return Operation(key, None, None if sign == "?" else values)


BAD = {
    Anomaly.DIRTY_WRITE: [
        tx("a", "x+1", "y+2"),
        tx("b", "x+3", "y+4"),
        tx("c", "x=13", "y=42", at=(200, 300)),
    ],
    Anomaly.ABORTED_READ: [tx("a", "x+1", outcome="fail"), tx("b", "x=1")],
    Anomaly.INTERMEDIATE_READ: [
        tx("a", "x+1", "x+2"),
        tx("b", "x=1"),
        tx("c", "x=12", at=(200, 300)),
    ],
    Anomaly.CYCLIC_FLOW: [tx("a", "x+1", "y=2"), tx("b", "y+2", "x=1")],
    Anomaly.LOST_UPDATE: [
        tx("a", "x=", "x+1"),
        tx("b", "x=", "x+2"),
        tx("c", "x=12", at=(200, 300)),
    ],
    Anomaly.READ_SKEW: [
        tx("a", "x+1", "y+2"),
        tx("b", "x=", "y=2"),
        tx("c", "x=1", "y=2", at=(200, 300)),
    ],
    Anomaly.WRITE_SKEW: [
        tx("a", "x=", "y=", "x+1"),
        tx("b", "x=", "y=", "y+2"),
        tx("c", "x=1", "y=2", at=(200, 300)),
    ],
    Anomaly.STALE_READ: [
        tx("a", "x+1", at=(0, 10)),
        tx("b", "x=", at=(20, 30)),
        tx("c", "x=1", at=(40, 50)),
    ],
    Anomaly.REAL_TIME: [
        tx("a", "x+1", at=(0, 10)),
        tx("b", "x+2", at=(20, 30)),
        tx("c", "x=21", at=(40, 50)),
    ],
    Anomaly.LOST_APPEND: [
        tx("a", "x+1", at=(0, 10)),
        tx("b", "x+2", at=(20, 30)),
        tx("c", "x=2", at=(40, 50)),
    ],
    Anomaly.INCOMPATIBLE_ORDER: [
        tx("a", "x+1"),
        tx("b", "x+2"),
        tx("c", "x=12"),
        tx("d", "x=21"),
    ],
    Anomaly.DUPLICATE: [tx("a", "x+1"), tx("b", "x=11")],
    Anomaly.GARBAGE_READ: [tx("a", "x=1")],
    Anomaly.INTERNAL: [tx("a", "x+1", "x=")],
}  # fmt: skip


def names(history: list[Transaction], model: Model = Model.STRICT_SERIALIZABLE) -> set[Anomaly]:
    return {finding.anomaly for finding in check(history, model)}


def test_there_is_a_history_for_every_anomaly() -> None:
    assert set(BAD) == set(Anomaly)


@pytest.mark.parametrize("anomaly", BAD, ids=str)
def test_an_anomaly_is_found_under_its_name_and_no_other(anomaly: Anomaly) -> None:
    assert names(BAD[anomaly]) == {anomaly}


@pytest.mark.parametrize("anomaly", BAD, ids=str)
def test_it_is_found_in_the_midst_of_a_good_history_too(anomaly: Anomaly) -> None:
    good = [
        Transaction(f"good {one.name}", one.outcome, one.began, one.ended, one.operations)
        for one in serial(random.Random(1), 200)
    ]
    assert names([*good[:100], *BAD[anomaly], *good[100:]]) == {anomaly}


@pytest.mark.parametrize("anomaly", BAD, ids=str)
def test_a_snapshot_allows_skews_and_what_is_late_but_nothing_else(anomaly: Anomaly) -> None:
    late_or_skew = {
        Anomaly.WRITE_SKEW, Anomaly.READ_SKEW, Anomaly.STALE_READ, Anomaly.REAL_TIME,
    }  # fmt: skip
    assert names(BAD[anomaly], Model.SNAPSHOT) == {anomaly} - late_or_skew


def serial(chance: random.Random, count: int, width: float = 0) -> list[Transaction]:
    """Transactions that take effect one after the other; with `width` they overlap all the same.

    Some fail, and some have an end that nobody knows, with an effect or without one.
    """
    lists: dict[int, list[int]] = {}
    history = []
    for number in range(count):
        outcome = chance.choice(["ok"] * 6 + ["fail", "info"])
        happens = outcome == "ok" or (outcome == "info" and chance.random() < 0.5)
        after = {key: list(values) for key, values in lists.items()}
        operations = []
        for part in range(chance.randint(1, 4)):
            key = number // 50 * 3 + chance.randrange(3)
            if chance.random() < 0.5:
                after.setdefault(key, []).append(10 * number + part)
                operations.append(Operation(key, 10 * number + part))
            else:
                read = tuple(after.get(key, ())) if outcome == "ok" else None
                operations.append(Operation(key, None, read))
        lists = after if happens else lists
        began, ended = number - width * chance.random(), number + 0.5 + width * chance.random()
        history.append(
            Transaction(
                f"t{number}",
                Outcome(outcome),
                began,
                inf if outcome == "info" else ended,
                tuple(operations),
            )
        )
    return history


@pytest.mark.parametrize("width", [0, 20], ids=["apart", "at once"])
@pytest.mark.parametrize("seed", range(5))
def test_a_serial_history_is_good(seed: int, width: float) -> None:
    found = check(serial(random.Random(seed), 500, width))
    assert not found, report(found)


def test_one_wrong_answer_in_a_long_history_is_found() -> None:
    history = serial(random.Random(3), 500)
    victim = next(
        number
        for number, one in enumerate(history)
        if one.outcome is Outcome.OK and len(one.operations) == 1 and one.operations[0].read
    )
    one = history[victim]
    spoiled = (Operation(one.operations[0].key, None, ()),)
    history[victim] = Transaction(one.name, one.outcome, one.began, one.ended, spoiled)
    (found,) = check(history)
    assert found.anomaly is Anomaly.STALE_READ
    assert one.name in found.proof


def test_an_unknown_transaction_may_have_happened_or_not() -> None:
    perhaps = tx("perhaps", "x+1", "y?", outcome="info")
    assert not check([perhaps, tx("b", "x=1", at=(200, 300))])
    assert not check([perhaps, tx("b", "x=", at=(200, 300))])


def test_an_unknown_transaction_happens_after_its_begin_and_all_or_nothing() -> None:
    late = tx("late", "x+1", at=(50, 60), outcome="info")
    assert names([tx("b", "x=1", at=(0, 10)), late]) == {Anomaly.REAL_TIME}
    half = tx("half", "x+1", "y+2", outcome="info")
    reads = [tx("b", "x=1", "y="), tx("c", "y=2", at=(200, 300))]
    assert names([half, *reads]) == {Anomaly.READ_SKEW}


def test_a_transaction_sees_its_own_appends() -> None:
    assert not check([tx("a", "x+1"), tx("b", "x=1", "x+2", "x=12", "x+3", at=(200, 300))])


def test_the_report_names_the_transactions_of_the_shortest_circle() -> None:
    (found,) = check(BAD[Anomaly.WRITE_SKEW])
    assert str(found).splitlines() == [
        "write skew (G2-item)",
        "  a {x is [], y is [], x << 1}",
        "  b {x is [], y is [], y << 2}",
        "  a read y without what b appended",
        "  b read x without what a appended",
    ]


def test_a_long_report_says_how_much_is_left_out() -> None:
    found = check([tx(f"t{number}", "x=1") for number in range(7)])
    assert report(found).count("garbage read") == 5
    assert report(found).endswith("and 2 more")


def test_lines_of_several_files_become_transactions() -> None:
    def line(process: str, kind: str, time: int, *value: list[object]) -> dict[str, object]:
        return {"process": process, "type": kind, "time": time, "tx": "id", "value": list(value)}

    history = transactions(
        [
            line("p", "invoke", 1, ["r", 7, None], ["append", 7, 1]),
            line("p", "ok", 5, ["r", 7, []], ["append", 7, 1]),
            line("p", "invoke", 6, ["r", 7, None]),
            line("q", "invoke", 2, ["append", 7, 2]),
            line("q", "fail", 3, ["append", 7, 2]),
            line("q", "invoke", 4, ["append", 7, 3]),
            line("q", "info", 7, ["append", 7, 3]),
        ]
    )
    assert [(one.outcome, one.began, one.ended) for one in history] == [
        (Outcome.FAIL, 2, 3),
        (Outcome.OK, 1, 5),
        (Outcome.INFO, 4, inf),
        (Outcome.INFO, 6, inf),
    ]
    assert history[1].operations == (Operation(7, None, ()), Operation(7, 1))
    assert history[3].operations == (Operation(7, None, None),)
