"""The compensation matrix is complete: every failure, every undo, and what each takes back."""

from collections.abc import Iterable, Mapping

import pytest

from compensations.table import TABLE, undone_on
from domains.domain import Step
from schemas.inventory import StockShort
from schemas.message import Failure
from schemas.order import OrderFailure
from schemas.payment import PaymentDeclined
from schemas.shipping import ShipmentRefused
from tests.given import CATALOGUE, TOPOLOGY
from tests.trade import COMMERCE

Table = Mapping[str, tuple[type[Failure], ...]]

FAILURES = [c for c in CATALOGUE.by_name.values() if issubclass(c, Failure)]
STEPS: dict[str, Step] = {
    step.full_name: step for part in TOPOLOGY.parts.values() for step in part.domain.steps.values()
}
BEFORE_THE_PIVOT = {"order.place", "inventory.reserve", "payment.charge"}


def of_commerce(steps: Iterable[str]) -> tuple[str, ...]:
    """Without the steps of domains that only dance along."""
    return tuple(step for step in steps if step.split(".")[0] in COMMERCE)


def holes(table: Table) -> list[str]:
    """What is wrong with a compensation table."""
    found = [
        f"{failure.__name__} takes nothing back"
        for failure in FAILURES
        if not any(failure in failures for failures in table.values())
    ]
    for name in table:
        step = STEPS.get(name)
        if step is None:
            found.append(f"{name} is no step")
        elif step.undo is None:
            found.append(f"{name} has no undo")
        elif step.subject is not None:
            found.append(f"{name} has a subject")
    found += [f"{n} has an undo, no line" for n, s in STEPS.items() if s.undo and n not in table]
    found += [
        f"{name} waits for {failure}, which is no failure of its own"
        for name, failures in table.items()
        for failure in failures
        if failure not in FAILURES
    ]
    return found


def test_the_table_has_no_holes() -> None:
    assert holes(TABLE) == []


@pytest.mark.parametrize(
    ("line", "hole"),
    [
        ({"payment.charge": (StockShort,)}, "ShipmentRefused takes nothing back"),
        ({"order.dance": (StockShort,)}, "order.dance is no step"),
        ({"order.confirm": (StockShort,)}, "order.confirm has no undo"),
        ({"order.cancel": (StockShort,)}, "order.cancel has no undo"),
        ({"order.place": (StockShort,)}, "payment.charge has an undo, no line"),
        ({"order.place": (Failure,)}, "is no failure of its own"),
    ],
)
def test_each_kind_of_hole_is_found(line: Table, hole: str) -> None:
    assert any(hole in found for found in holes(line))


@pytest.mark.parametrize(
    ("failure", "undone"),
    [
        (StockShort, ("order.place",)),
        (PaymentDeclined, ("order.place", "inventory.reserve")),
        (ShipmentRefused, ("order.place", "inventory.reserve", "payment.charge")),
    ],
)
def test_a_failure_takes_back_every_step_before_it(
    failure: type[Failure], undone: tuple[str, ...]
) -> None:
    assert of_commerce(undone_on(failure)) == undone


def test_the_matrix_names_every_failure_there_is() -> None:
    assert {StockShort, PaymentDeclined, ShipmentRefused} == set(FAILURES)


def test_every_step_before_the_pivot_is_named_for_the_pivots_failure() -> None:
    assert set(of_commerce(undone_on(ShipmentRefused))) == BEFORE_THE_PIVOT
    assert [name for name, step in STEPS.items() if step.pivot] == ["shipping.arrange"]


def test_what_cancels_an_order_says_why() -> None:
    for failure in TABLE["order.place"]:
        assert issubclass(failure, OrderFailure)


def test_only_forward_steps_before_the_end_and_the_pivots_domain_announce_failures() -> None:
    announcing = {
        name for name, step in STEPS.items() if any(issubclass(m, Failure) for m in step.announces)
    }
    assert announcing == {
        "inventory.reserve", "payment.charge", "payment.settle", "shipping.arrange",
        "shipping.stop",
    }  # fmt: skip
    for step in STEPS.values():
        undone = step.undo.announces if step.undo else ()
        assert not any(issubclass(message, Failure) for message in undone)
