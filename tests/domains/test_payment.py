"""Payment: charged once, given back once, and a provider's answer is never guessed."""

from typing import Any

import pytest

from domains.payment.rows import Payment, PaymentHistory, Status, Wallet
from schemas.inventory import StockReserved
from schemas.message import Message
from schemas.payment import (
    AttemptCharge,
    AttemptRefused,
    ChargeAttempted,
    ChargeRequested,
    PaymentCompleted,
    PaymentDeclined,
    PaymentRefunded,
    PaymentVoided,
    RefundRequested,
    SettleCharge,
    SettleRefund,
    VoidRequested,
)
from schemas.shipping import ShipmentRefused
from streams.delivery import Result
from tests.given import NOW, Stage, StepFailed
from tests.trade import ORDER, event, facts_of, wallet

WHO: dict[str, Any] = {"order_id": "O-1", "customer_id": "ann"}
RESERVED = event(StockReserved)
BY_CARD = event(StockReserved, payment_method="card")
ENDED = event(ShipmentRefused)
ATTEMPT = AttemptCharge(**WHO)
REFUNDED = SettleRefund(**WHO, provider_response={"id": "re_1"})


def settle(outcome: Any, **more: Any) -> SettleCharge:
    return SettleCharge(**WHO, outcome=outcome, **more)


def kinds(messages: list[Message]) -> list[type[Message]]:
    return [type(message) for message in messages]


@pytest.fixture
def till() -> Stage:
    return Stage("payment", wallet(10_000))


@pytest.fixture
def requested(till: Stage) -> Stage:
    till.when(BY_CARD)
    return till


def books(stage: Stage) -> tuple[int, int, int]:
    """Balance, charged, refunded; the books balance at every commit."""
    row = stage.one(Wallet)
    assert row.opening + row.topped_up + row.refunded == row.balance + row.charged
    return row.balance, row.charged, row.refunded


def test_a_wallet_pays_in_one_pass_and_history_waits_for_a_change(till: Stage) -> None:
    [said] = till.when(RESERVED)
    assert isinstance(said, PaymentCompleted)
    assert facts_of(said) == ORDER
    assert books(till) == (7_900, 2_100, 0)
    row = till.one(Payment)
    assert (row.status, row.amount, row.processed_at) == (Status.COMPLETED, 2100, NOW)
    assert (row.payment_id, row.transaction_id) == (said.payment_id, said.transaction_id)
    assert row.provider_response == {"provider": "wallet", "outcome": "approved"}
    assert till.rows(PaymentHistory) == []
    assert till.passes == 1


@pytest.mark.parametrize(
    ("rows", "reason", "detail"),
    [
        ([], "wallet", "customer ann has no wallet"),
        ([wallet(2_099)], "funds", "the wallet has less than 21.00 USD"),
        ([wallet(10_000, currency="EUR")], "currency", "the wallet is not in USD"),
    ],
)
def test_a_declined_payment_leaves_its_row_and_takes_nothing(
    rows: list[Wallet], reason: str, detail: str
) -> None:
    till = Stage("payment", *rows)
    [said] = till.when(RESERVED)
    assert isinstance(said, PaymentDeclined)
    assert (said.reason, said.detail) == (reason, detail)
    assert till.one(Payment).status is Status.DECLINED
    assert till.rows(Wallet) == rows


def test_two_orders_of_one_batch_cannot_spend_the_same_money(till: Stage) -> None:
    orders = [event(StockReserved, order_id=f"O-{n}", amount="40.00") for n in range(3)]
    assert kinds(till.when(*orders)) == [PaymentCompleted, PaymentCompleted, PaymentDeclined]
    assert books(till) == (2_000, 8_000, 0)


def test_a_failure_refunds_the_wallet_at_once_and_only_once(till: Stage) -> None:
    till.when(RESERVED)
    assert kinds(till.when(ENDED)) == [PaymentRefunded]
    assert till.passes == 1
    assert till.when(ENDED) == []
    assert books(till) == (10_000, 2_100, 2_100)
    assert [line.status for line in till.rows(PaymentHistory)] == ["COMPLETED", "REFUNDED"]


def test_a_declined_payment_followed_by_a_stop_refunds_nothing() -> None:
    till = Stage("payment", wallet(5))
    till.when(RESERVED)
    assert till.when(ENDED) == []
    assert books(till) == (5, 0, 0)
    assert till.one(Payment).status is Status.DECLINED


@pytest.mark.parametrize("reserved", [RESERVED, BY_CARD])
def test_a_failure_that_overtakes_the_charge_lets_nothing_be_charged(
    till: Stage, reserved: StockReserved
) -> None:
    assert till.when(ENDED, reserved) == []
    assert till.rows(Payment) == []
    assert books(till) == (10_000, 0, 0)


def test_a_card_is_asked_for_and_its_answer_completes_the_payment(till: Stage) -> None:
    [asked] = till.when(BY_CARD)
    assert isinstance(asked, ChargeRequested)
    assert till.one(Payment).status is Status.REQUESTED
    response = {"id": "ch_1", "code": 0}
    [said] = till.when(settle("approved", transaction_id="ch_1", provider_response=response))
    assert isinstance(said, PaymentCompleted)
    assert facts_of(said) == ORDER | {"payment_method": "card"}
    row = till.one(Payment)
    assert (row.status, row.transaction_id, row.provider_response) == (
        Status.COMPLETED, "ch_1", response,
    )  # fmt: skip
    assert row.shipping_address is None
    assert books(till) == (10_000, 0, 0)


@pytest.mark.parametrize("outcome", ["declined", "not_charged"])
def test_a_card_that_is_declined_ends_the_order_and_later_refunds_nothing(
    requested: Stage, outcome: str
) -> None:
    [said] = requested.when(settle(outcome))
    assert isinstance(said, PaymentDeclined)
    assert said.reason == outcome
    assert requested.one(Payment).status is Status.DECLINED
    assert requested.when(ENDED) == []


def test_a_connector_marks_its_first_attempt_before_it_calls(requested: Stage) -> None:
    assert not requested.one(Payment).attempted
    assert kinds(requested.when(ATTEMPT)) == [ChargeAttempted]
    assert requested.one(Payment).attempted


def test_a_charge_that_is_being_voided_is_not_attempted_any_more(requested: Stage) -> None:
    assert kinds(requested.when(ENDED)) == [VoidRequested]
    assert kinds(requested.when(ATTEMPT)) == [AttemptRefused]
    assert not requested.one(Payment).attempted


@pytest.mark.parametrize("outcome", ["declined", "not_charged"])
def test_a_void_whose_charge_never_happened_ends_voided(requested: Stage, outcome: str) -> None:
    requested.when(ENDED)
    assert kinds(requested.when(settle(outcome))) == [PaymentVoided]
    assert requested.one(Payment).status is Status.VOIDED


def test_a_charge_approved_after_the_void_comes_back_once(requested: Stage) -> None:
    requested.when(ATTEMPT)
    requested.when(ENDED)
    assert requested.one(Payment).request == 1
    assert kinds(requested.when(settle("approved", transaction_id="ch_1"))) == [RefundRequested]
    row = requested.one(Payment)
    assert (row.status, row.request) == (Status.REFUNDING, 2)
    assert requested.passes == 1
    assert kinds(requested.when(REFUNDED)) == [PaymentRefunded]
    assert requested.passes == 1
    assert requested.when(REFUNDED) == []
    assert [line.status for line in requested.rows(PaymentHistory)] == [
        "REQUESTED", "VOIDING", "REFUNDING", "REFUNDED",
    ]  # fmt: skip


def test_a_paid_card_of_an_order_that_ended_is_paid_back_by_its_provider(requested: Stage) -> None:
    requested.when(settle("approved"))
    assert kinds(requested.when(ENDED)) == [RefundRequested]
    assert requested.one(Payment).request == 2
    assert kinds(requested.when(REFUNDED)) == [PaymentRefunded]
    response = requested.one(Payment).provider_response
    assert response == {"refund": {"id": "re_1"}}


def test_a_repeated_answer_with_another_text_is_dropped_and_another_outcome_clashes(
    requested: Stage,
) -> None:
    requested.when(settle("approved", provider_response={"at": "12:00"}))
    assert requested.when(settle("approved", provider_response={"at": "12:05"})) == []
    assert requested.results() == [Result.REPEAT]
    assert requested.one(Payment).provider_response == {"at": "12:00"}
    assert requested.when(settle("declined")) == []
    assert requested.results() == [Result.CLASH]
    assert requested.one(Payment).status is Status.COMPLETED


@pytest.mark.parametrize("answer", [ATTEMPT, settle("approved"), REFUNDED])
def test_an_answer_nobody_asked_for_is_a_bug_and_leaves_no_trace(
    till: Stage, answer: Message
) -> None:
    with pytest.raises(StepFailed, match="a connector answers for a payment"):
        till.when(answer)
    till.when(BY_CARD)
    assert kinds(till.when(ATTEMPT)) == [ChargeAttempted]
    assert kinds(till.when(settle("approved"))) == [PaymentCompleted]


def test_a_long_order_id_still_has_a_payment_and_a_transaction(till: Stage) -> None:
    [said] = till.when(event(StockReserved, order_id="x" * 128))
    assert isinstance(said, PaymentCompleted)
    assert len(said.payment_id) == 130
