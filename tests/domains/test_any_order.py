"""Deliveries in any order, twice or late: every order ends once, and without a rule it shows."""

from collections.abc import Callable
from random import Random

import pytest

from compensations.ledger import Entry, Verdict
from domains.domain import Step
from domains.order.rows import Order
from domains.tx import Tx
from schemas.fields import ItemAsked
from schemas.inventory import CancelReservation, HoldStock, StockReserved
from schemas.message import Message
from schemas.order import OrderCancelled, OrderConfirmed, OrderPlaced, StopAsked
from schemas.payment import RefundPayment
from schemas.shipping import ShipmentRefused
from streams import perform
from streams.delivery import Delivery, Outcome
from streams.perform import Performance
from tests.given import TOPOLOGY, Dance
from tests.shop import cancel, check_the_books, connect, shop
from tests.trade import ATLANTIS, RESERVATION_TTL, TOKYO, event, place

SEEDS = range(60)


def troubled(seed: int) -> Dance:
    """Orders, cancels, holds and refunds that meet in any order, some twice."""
    chance = Random(seed)
    dance = shop(chance, available=chance.choice((3, 9, 50)), balance=chance.choice((3000, 50_000)))
    for number in range(12):
        order_id = f"O-{number}"
        dance.send(place(
            order_id, payment_method=chance.choice(("wallet", "card")),
            shipping_address=chance.choice((TOKYO, TOKYO, ATLANTIS)),
            customer_id="ann",
        ))  # fmt: skip
        if chance.random() < 0.5:
            dance.send(cancel(order_id))
        if chance.random() < 0.3:
            dance.send(CancelReservation(order_id=order_id, request_id="r2"))
        if chance.random() < 0.3:
            dance.send(RefundPayment(order_id=order_id, customer_id="ann", request_id="r3"))
        if chance.random() < 0.3:
            items = (ItemAsked(product_id="tea", quantity=1),)
            dance.send(HoldStock(order_id=order_id, customer_id="ann", items=items))
    return dance


@pytest.mark.parametrize("seed", SEEDS)
def test_in_any_order_every_order_ends_once_and_the_books_balance(seed: int) -> None:
    dance = troubled(seed)
    dance.run()
    for _ in range(3):  # answers, refunds, and what they set off
        connect(dance)
        dance.run()
        dance.later(RESERVATION_TTL)
    check_the_books(dance)
    ends = [m.order_id for m in dance.said if isinstance(m, OrderConfirmed | OrderCancelled)]
    assert sorted(ends) == sorted(o.order_id for o in dance.stages["order"].rows(Order))


def dance_all_seeds() -> None:
    for seed in SEEDS:
        test_in_any_order_every_order_ends_once_and_the_books_balance(seed)


def no_ledger(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(perform, "may_do", lambda *_: Verdict.RUN)


def no_undo(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(perform, "may_undo", lambda entry: Verdict.REPEAT if entry else Verdict.FORBID)


def no_pivot(patch: pytest.MonkeyPatch) -> None:
    def always(request: StopAsked, tx: Tx) -> ShipmentRefused:
        return ShipmentRefused(**request.ref(), reason=request.reason)

    patch.setattr(TOPOLOGY.parts["shipping"].domain.steps["stop"], "function", always)


def no_takeover(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("domains.inventory.steps.less", lambda wanted, held: wanted)


@pytest.mark.parametrize("rule", [no_ledger, no_undo, no_pivot, no_takeover])
def test_without_one_of_the_rules_some_seed_finds_it(
    rule: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control of the test above."""
    rule(monkeypatch)
    with pytest.raises((AssertionError, KeyError)):
        dance_all_seeds()


def test_without_tombstones_an_order_that_ended_is_reserved_and_charged(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The control of the tests in which a failure overtakes what it ends."""
    undo = Performance._undo

    def forgetful(
        self: Performance, step: Step, delivery: Delivery, failure: Message, outcome: Outcome
    ) -> None:
        if self.ws.get(Entry, delivery.saga, step.name, "") is not None:
            undo(self, step, delivery, failure, outcome)

    monkeypatch.setattr(Performance, "_undo", forgetful)
    for name, late in (("inventory", OrderPlaced), ("payment", StockReserved)):
        stage = shop().stages[name]
        assert stage.when(event(ShipmentRefused), event(late)) != []
