"""Stale owners, answers that are lost, sends that fail: races 3, 4, 7 and 15 at the store."""

from pathlib import Path

import pytest

from domains.inventory.rows import Reservation, Stock
from infra.engine.errors import Conflict, LockedOut, Unavailable, UnknownOutcome
from schemas.order import OrderPlaced
from schemas.shipping import ShipmentRefused
from streams.lane import Lane, LaneLost, retire
from streams.rows import LaneRow
from tests.races.desk import Desk, names, results
from tests.trade import event, shelves


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    made = Desk("inventory", tmp_path)
    made.write(*shelves(1_000))
    return made


def placed(number: int) -> OrderPlaced:
    return event(OrderPlaced, order_id=f"O-{number}")


def test_a_stale_owner_writes_nothing_more_in_its_lane_and_loses_nothing(
    desk: Desk, tmp_path: Path
) -> None:
    desk.hear(placed(1))
    other = Desk("inventory", tmp_path)
    adopted = other.adopt(desk.lane.name)
    other.take_lane(adopted)
    assert other.run(other.relay.flush())
    other.run(retire(other.engine, adopted))
    with pytest.raises(LaneLost):
        desk.hear(placed(2))
    desk.take_lane()
    desk.hear(placed(2))
    assert desk.run(desk.relay.flush())
    heard = [e.id for e in (*other.sent, *desk.sent)]
    assert heard == [f"{adopted.name}-1", f"{desk.lane.name}-1"]
    assert [row.next for row in desk.rows(LaneRow) if row.state == "retired"] == [2]


def test_without_the_fence_a_stale_owner_writes_into_a_retired_lane(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Lane, "_mine", lambda self, row: True)
    other = Desk("inventory", tmp_path)
    other.run(retire(other.engine, other.adopt(desk.lane.name)))
    desk.hear(placed(1))
    assert [row.next for row in desk.rows(LaneRow) if row.state == "retired"] == [2]


def test_a_commit_whose_answer_is_lost_is_found_and_announced_once(desk: Desk) -> None:
    lost = ["after-commit"]

    def fault(point: str) -> None:
        if point in lost:
            lost.clear()
            raise UnknownOutcome("the connection died")

    desk.fault = fault
    assert names(desk.hear(placed(1))) == ["StockReserved"]
    assert desk.run(desk.relay.flush())
    assert [e.sequence for e in desk.sent] == [1]
    assert desk.said() == ["StockReserved"]


def test_a_commit_that_never_happened_is_run_again(desk: Desk) -> None:
    lost = ["before-commit"]

    def fault(point: str) -> None:
        if point in lost:
            lost.clear()
            raise UnknownOutcome("the connection died")

    desk.fault = fault
    assert names(desk.hear(placed(1))) == ["StockReserved"]
    assert len(desk.rows(Reservation)) == 1


def test_when_nobody_can_be_asked_the_batch_runs_again_and_its_announcements_go_out(
    desk: Desk,
) -> None:
    down: list[str] = ["after-commit"]

    def fault(point: str) -> None:
        if point == "after-commit" and down:
            down.append("begin")
            raise UnknownOutcome("the connection died")
        if point == "begin" and "begin" in down:
            raise Unavailable("and does not come back")

    desk.fault = fault
    with pytest.raises(Unavailable):
        desk.hear(placed(1))
    down.clear()
    desk.hear(placed(1))
    assert desk.run(desk.relay.flush())
    assert [e.type.split(".")[2] for e in desk.sent] == ["StockReserved"]


def test_rows_are_not_remembered_past_a_commit_that_nobody_answered_for(tmp_path: Path) -> None:
    desk = Desk("inventory", tmp_path)
    desk.write(*shelves(2))  # one order empties the shelf
    desk.take_lane(exclusive=True)
    desk.hear(placed(1))
    down = ["after-commit"]

    def fault(point: str) -> None:
        if point == "after-commit" and down:
            down.append("begin")
            raise UnknownOutcome("the connection died")
        if point == "begin" and "begin" in down:
            raise Unavailable("and does not come back")

    desk.fault = fault
    ended = event(ShipmentRefused, order_id="O-1")
    with pytest.raises(Unavailable):
        desk.hear(ended)
    down.clear()
    desk.hear(ended)  # it is known to be done, so nothing is written and nothing learnt
    assert names(desk.hear(placed(2))) == ["StockReserved"]


def test_published_does_not_pass_a_hole(desk: Desk) -> None:
    desk.hear(*[placed(number) for number in range(1, 6)])
    desk.refused = {3}
    assert not desk.run(desk.relay.flush())
    assert desk.lane.acknowledged == 2
    desk.run(desk.handler.beat())
    assert [row.published for row in desk.rows(LaneRow)] == [2]
    desk.refused = set()
    assert desk.run(desk.relay.flush())
    assert [e.sequence for e in desk.sent] == [1, 2, 4, 5, 3, 4, 5]
    assert desk.lane.acknowledged == 5


def test_a_silent_relay_publishes_nothing_and_what_is_committed_counts_as_published(
    desk: Desk,
) -> None:
    desk.take_lane(silent=True)
    desk.hear(placed(1), placed(2))
    assert desk.run(desk.relay.flush())
    desk.run(desk.handler.beat())
    assert [row.published for row in desk.rows(LaneRow) if row.lane == desk.lane.name] == [2]
    assert desk.sent == []


def test_a_failure_that_overtakes_its_event_while_that_commits_leaves_nothing_held(
    desk: Desk, tmp_path: Path
) -> None:
    other = Desk("inventory", tmp_path)
    overtaking = [event(ShipmentRefused, order_id="O-1")]

    def fault(point: str) -> None:
        if point == "begin" and overtaking:
            other.hear(overtaking.pop())

    desk.fault = fault
    assert names(desk.hear(placed(1))) == []
    assert all(stock.reserved_quantity == 0 for stock in desk.rows(Stock))
    assert desk.rows(Reservation) == []


def test_two_workers_over_the_same_products_both_get_on(desk: Desk, tmp_path: Path) -> None:
    other = Desk("inventory", tmp_path)
    waiting = list(range(101, 111))

    def fault(point: str) -> None:
        if point == "begin" and waiting:
            other.hear(placed(waiting.pop()))

    desk.fault = fault
    for number in range(1, 11):
        desk.hear(*[placed(number * 1_000 + line) for line in range(5)])
    assert not waiting
    assert len(desk.rows(Reservation)) == 60
    [tea] = [stock for stock in desk.rows(Stock) if stock.product_id == "tea"]
    assert (tea.reserved_quantity, tea.available_quantity) == (120, 880)


@pytest.mark.parametrize("error", [LockedOut, Unavailable, Conflict])
def test_a_store_in_trouble_does_nothing_and_the_batch_works_afterwards(
    desk: Desk, error: type[Exception]
) -> None:
    def fault(point: str) -> None:
        if point == "before-commit":
            raise error("locked or full")

    desk.fault = fault
    with pytest.raises(error):
        desk.hear(placed(1))
    assert desk.said() == []
    desk.fault = lambda point: None
    assert len(results(desk.hear(placed(1)))) == 1
    assert desk.said() == ["StockReserved"]
