"""Wallets are opened and topped up; refunds are asked of the pivot first."""

import pytest
from pydantic import ValidationError

from domains.payment.rows import Payment, Status, Wallet
from schemas.catalogue import InvalidBody
from schemas.inventory import StockReserved
from schemas.payment import (
    OpenWallet,
    PaymentRefunded,
    PaymentStopRequested,
    RefundPayment,
    RefundRefused,
    RefundRequested,
    SettleCharge,
    TopUpWallet,
    WalletOpened,
    WalletRefused,
    WalletToppedUp,
)
from schemas.shipping import ShipmentRefused, StopRefused
from tests.given import CATALOGUE, Stage
from tests.trade import event, wallet

TOP_UP = TopUpWallet(customer_id="ann", request_id="r1", currency="USD", amount="5.00")
REFUND = RefundPayment(order_id="O-1", customer_id="ann", request_id="r1", reason="broken")
SHIPPING = event(StopRefused, asked_by="PaymentStopRequested")


@pytest.fixture
def paid() -> Stage:
    stage = Stage("payment", wallet(10_000))
    stage.when(event(StockReserved))
    return stage


def test_a_wallet_is_opened_once_with_what_it_holds() -> None:
    till = Stage("payment")
    opened = OpenWallet(customer_id="ann", currency="JPY", opening="500")
    [said] = till.when(opened)
    assert said == WalletOpened(customer_id="ann", balance="500", currency="JPY", revision=1)
    row = till.one(Wallet)
    assert (row.balance, row.opening, row.topped_up) == (500, 500, 0)
    assert till.when(opened) == []


def test_a_wallet_that_a_top_up_made_is_not_opened_again() -> None:
    till = Stage("payment")
    till.when(TOP_UP)
    [said] = till.when(OpenWallet(customer_id="ann", currency="USD", opening="500"))
    assert isinstance(said, WalletRefused)
    assert said.reason == "open"


def test_a_first_top_up_makes_the_wallet_and_every_request_counts_once() -> None:
    till = Stage("payment")
    [said] = till.when(TOP_UP)
    assert isinstance(said, WalletToppedUp)
    assert (said.balance, said.amount) == ("5.00", "5.00")
    till.when(TOP_UP)
    till.when(TOP_UP.model_copy(update={"request_id": "r2"}))
    row = till.one(Wallet)
    assert (row.balance, row.opening, row.topped_up) == (1_000, 0, 1_000)


def test_a_top_up_in_another_currency_is_refused() -> None:
    till = Stage("payment", wallet(10_000, currency="EUR"))
    [said] = till.when(TOP_UP)
    assert isinstance(said, WalletRefused)
    assert said.reason == "currency"
    assert till.one(Wallet).balance == 10_000


def test_a_wallet_never_grows_past_what_its_column_holds() -> None:
    till = Stage("payment", wallet(0).but(topped_up=10**15 - 1))
    [said] = till.when(TOP_UP)
    assert isinstance(said, WalletRefused)
    assert said.reason == "total"


@pytest.mark.parametrize(("currency", "amount"), [("JPY", "1.5"), ("USD", "1.005"), ("USD", "-1")])
def test_an_amount_that_does_not_fit_its_currency_is_invalid(currency: str, amount: str) -> None:
    with pytest.raises(ValidationError):
        TopUpWallet(customer_id="ann", request_id="r1", currency=currency, amount=amount)


def test_a_top_up_is_more_than_nothing_though_a_wallet_may_be_opened_empty() -> None:
    nothing = TOP_UP.payload().replace(b'"5.00"', b'"0.00"')
    with pytest.raises(InvalidBody, match="/amount"):  # what makes it dead on the bus
        CATALOGUE.decode(TopUpWallet.spec.wire, nothing)
    till = Stage("payment")
    [said] = till.when(OpenWallet(customer_id="ann", currency="USD", opening="0"))
    assert isinstance(said, WalletOpened)
    assert said.balance == "0.00"


def test_a_refund_asks_the_pivot_and_moves_no_money_yet(paid: Stage) -> None:
    [said] = paid.when(REFUND)
    assert isinstance(said, PaymentStopRequested)
    assert (said.reason, said.detail, said.shipment_partition) == ("payment", "broken", "Tokyo")
    assert paid.one(Payment).status is Status.COMPLETED


def test_an_order_that_is_shipping_is_refunded_on_its_own_and_only_once(paid: Stage) -> None:
    paid.when(REFUND)
    [said] = paid.when(SHIPPING)
    assert isinstance(said, PaymentRefunded)
    assert paid.one(Wallet).balance == 10_000
    assert paid.when(SHIPPING) == []
    assert paid.when(SHIPPING.model_copy(update={"request_id": "r2"})) == []
    assert paid.one(Wallet).balance == 10_000


def test_a_card_is_refunded_by_its_provider() -> None:
    till = Stage("payment")
    till.when(event(StockReserved, payment_method="card"))
    till.when(SettleCharge(order_id="O-1", customer_id="ann", outcome="approved"))
    assert [type(m) for m in till.when(SHIPPING)] == [RefundRequested]


def test_a_refused_cancel_refunds_nothing(paid: Stage) -> None:
    assert paid.when(event(StopRefused, asked_by="StopRequested")) == []
    assert paid.one(Payment).status is Status.COMPLETED


def test_a_refund_before_its_payment_is_refused_and_works_later() -> None:
    till = Stage("payment", wallet(10_000))
    [said] = till.when(REFUND)
    assert isinstance(said, RefundRefused)
    assert said.reason == "unknown"
    till.when(event(StockReserved))
    [asked] = till.when(REFUND.model_copy(update={"request_id": "r2"}))
    assert isinstance(asked, PaymentStopRequested)


def test_what_was_declined_or_is_back_cannot_be_refunded(paid: Stage) -> None:
    paid.when(event(ShipmentRefused))
    poor = Stage("payment", wallet(1))
    poor.when(event(StockReserved))
    for stage, reason in ((paid, "returned"), (poor, "unpaid")):
        [said] = stage.when(REFUND)
        assert isinstance(said, RefundRefused)
        assert said.reason == reason
