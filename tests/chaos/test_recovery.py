"""When everything flows again, by orders that were seen; and what the report makes of it."""

import pytest

from infra.chaos.plan import Fault
from streams.chaos.recovery import TARGET_S, Blow, Seen, carry_on, flow_again, rows
from streams.chaos.report import missed, report
from streams.chaos.run import Outcome

BEGAN, OVER = 100.0, 110.0


def seen(asked: float, ended: float | None) -> Seen:
    return Seen("x", asked, asked, ended)


def blow(component: str, kind: str, flowed: float | None, in_flight: int = 3) -> Blow:
    return Blow(Fault(component, kind, 10.0, 0), BEGAN, OVER, in_flight, flowed, flowed)


def outcome(*blows: Blow) -> Outcome:
    return Outcome(1, 300, 30, "servers", blows=list(blows))


@pytest.mark.parametrize(
    ("orders", "flows"),
    [
        ([(90, 95), (111, 112)], 112.0),  # nothing was held: the first one afterwards
        ([(99, 120), (111, 112)], 120.0),  # one was in flight, and took until then
        ([(105, 130), (111, 112)], 130.0),  # one was asked for meanwhile
        ([(99, None), (111, 112)], None),  # one is still held
        ([(99, 101), (111, None)], None),  # nothing new has ended
        ([(99, 101)], None),  # nobody asked for anything new
        ([(99, 101), (111, None), (112, 113)], 113.0),  # the others need not wait for each other
    ],
)
def test_it_flows_when_what_was_held_and_something_new_have_ended(
    orders: list[tuple[float, float | None]], flows: float | None
) -> None:
    assert flow_again([seen(*times) for times in orders], BEGAN, OVER) == flows


@pytest.mark.parametrize(
    ("orders", "carried"),
    [
        ([(101, 102), (103, 104)], 102.0),  # nothing was held
        ([(99, 112), (101, 102), (113, 114)], 112.0),  # one was held
        ([(99, 101), (103, 113), (104, 112), (111, 112)], 113.0),  # and two that came later
        ([(99, 112), (111, 130), (101, 102)], 112.0),  # what is slow much later is another story
        ([(99, None), (101, 102)], None),  # one is still held
        ([(99, 101)], None),  # nobody asked for anything new
    ],
)
def test_the_others_carry_on_when_nothing_that_was_held_is_left(
    orders: list[tuple[float, float | None]], carried: float | None
) -> None:
    assert carry_on([seen(*times) for times in orders], BEGAN) == carried


def test_times_are_counted_from_both_ends_of_the_fault_with_median_and_most() -> None:
    [row] = rows([blow("kafka", "kill", OVER + after) for after in (1, 2, 9)])
    assert (row.count, row.in_flight) == (3, 3)
    assert row.from_blow == (12.0, 19.0)
    assert row.from_return == (2.0, 9.0)


def test_a_killed_process_has_its_time_from_the_kill_and_a_server_from_its_return() -> None:
    late = BEGAN + TARGET_S + 1
    killed, paused, server = rows(
        [
            blow("worker", "kill", late),
            blow("worker", "pause", late),
            blow("postgres", "kill", late),
        ]
    )[0:3]
    by_name = {(row.component, row.kind): row.on_time for row in (killed, paused, server)}
    assert by_name == {
        ("worker", "kill"): False, ("worker", "pause"): True, ("postgres", "kill"): True,
    }  # fmt: skip


def test_what_is_on_time_with_nothing_lost_is_well() -> None:
    well = outcome(blow("kafka", "kill", OVER + 1), blow("worker", "kill", OVER + 1))
    assert missed(well) == []
    assert "every target was met" in report(well)
    assert "worker, with its relay 1" in report(well)


@pytest.mark.parametrize("flowed", [None, OVER + TARGET_S + 1])
def test_what_is_late_or_never_flows_is_not_well(flowed: float | None) -> None:
    late = outcome(blow("kafka", "kill", OVER + 1), blow("kafka", "kill", flowed))
    assert [line.split(":")[0] for line in missed(late)] == ["kafka, kill"]
    assert "NOT well" in report(late)


def test_one_thing_lost_is_not_well() -> None:
    bad = outcome(blow("kafka", "kill", OVER + 1))
    bad.lost.append("C-1 has no end")
    assert missed(bad) == ["C-1 has no end"]
    assert "- C-1 has no end" in report(bad)


def test_nothing_killed_proves_nothing_and_is_not_well() -> None:
    assert missed(outcome()) == ["nothing was broken with an order in flight"]
