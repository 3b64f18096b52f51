"""What a domain may not declare is refused when it is wired, with a sentence that says the mend."""

import pytest

from domains.domain import DeclarationError, Domain
from domains.tx import Tx
from schemas.order import OrderConfirmed
from schemas.payment import PaymentRefunded
from streams.topology import TopologyError, discover
from tests.trade import COMMERCE


def test_an_undo_that_hears_an_event_is_no_undo() -> None:
    domain = Domain("points")

    @domain.step()
    def grant(event: OrderConfirmed, tx: Tx) -> None:
        """Nothing, for this test."""

    def take_back(failure: PaymentRefunded, heard: OrderConfirmed, tx: Tx) -> None:
        """After the pivot nothing is undone."""

    with pytest.raises(DeclarationError, match="PaymentRefunded, is a step of its own"):
        domain.undo(grant)(take_back)


def test_the_table_takes_back_on_failures_only() -> None:
    table = {"order.place": (PaymentRefunded,)}
    with pytest.raises(TopologyError, match="no Failure; after the pivot, write a step"):
        discover(table)  # type: ignore[arg-type]


def test_a_step_is_declared_once() -> None:
    domain = Domain("points")

    def grant(event: OrderConfirmed, tx: Tx) -> None:
        """Nothing, for this test."""

    domain.step()(grant)
    with pytest.raises(DeclarationError, match="declared twice"):
        domain.step()(grant)


def test_a_table_line_must_name_a_step_that_can_be_undone() -> None:
    with pytest.raises(TopologyError, match=r"nobody\.knows is no step"):
        discover({"nobody.knows": ()})


def test_the_shipped_system_fits_together() -> None:
    assert set(COMMERCE) <= set(discover().parts)


def test_a_setting_of_a_step_is_an_argument_with_a_default() -> None:
    domain, granted = Domain("points"), list[int]()

    @domain.step()
    def grant(event: OrderConfirmed, tx: Tx, *, points: int = 1) -> None:
        granted.append(points)

    def give(event: OrderConfirmed, tx: Tx, *, points: int) -> None:
        """Nothing, for this test."""

    with pytest.raises(DeclarationError, match="must be annotated as"):
        domain.step()(give)
    for found in (domain.set_to({"points": 2, "port": 3000}), domain.set_to({}), domain):
        assert found.steps["grant"].settings == ("points",)
        found.steps["grant"].function(None, None)
    assert granted == [2, 1, 1], "what one system is told is no other's business"
