"""The plan: drawn from its seed, with everything in it early."""

from itertools import islice

import pytest

from infra.chaos.plan import KINDS, OF_PROCESSES, OF_SERVERS, plan

EVERYTHING = {
    "worker": (*OF_PROCESSES, "clock moved"),
    "intake": OF_PROCESSES,
    "kafka": OF_SERVERS,
    "postgres": (*OF_SERVERS, "disk full"),
    "cassandra": OF_SERVERS,
}
PAIRS = {(component, kind) for component, some in EVERYTHING.items() for kind in some}
#: As many as five minutes have at the least: one in 15 s.
FIRST_COUNT = 20


def test_the_same_seed_is_the_same_day_and_another_is_another() -> None:
    one, same, other = (list(islice(plan(seed, EVERYTHING), 50)) for seed in (7, 7, 8))
    assert one == same
    assert one != other


@pytest.mark.parametrize("seed", range(20))
def test_five_minutes_have_every_component_killed_and_every_kind(seed: int) -> None:
    first = list(islice(plan(seed, EVERYTHING), FIRST_COUNT))
    assert {fault.component for fault in first if fault.kind == "kill"} == {*EVERYTHING}
    assert {fault.kind for fault in first} == {*KINDS}


def test_everything_happens_once_before_anything_happens_again() -> None:
    faults = list(islice(plan(1, EVERYTHING), 2 * len(PAIRS)))
    for some in (faults[: len(PAIRS)], faults[len(PAIRS) :]):
        assert {(fault.component, fault.kind) for fault in some} == PAIRS


def test_a_fault_lasts_as_long_as_its_kind_may() -> None:
    for fault in islice(plan(3, EVERYTHING), 200):
        least, most = KINDS[fault.kind]
        assert least <= fault.seconds <= most
