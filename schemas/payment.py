"""What is said about payments and wallets, and how a connector to a provider speaks.

A connector hears `ChargeRequested`, `VoidRequested` and `RefundRequested`, reads the Payment row
`(customer_id, order_id)` before each call to its provider, and answers with commands only:

- before its first charge call it sends `AttemptCharge` and waits until the row says `attempted`;
  the step sets that only while the payment is REQUESTED (`AttemptRefused` otherwise: no call);
- status REQUESTED: charge with the key `<order id>/1`, asking again with that key until the answer
  is known, then `SettleCharge` (approved or declined);
- status VOIDING and `attempted`: void that key, until it is known whether it was charged, then
  `SettleCharge` (approved or not_charged);
- status VOIDING and not `attempted`: `SettleCharge(outcome="not_charged")` without a call;
- status REFUNDING: refund with the key `<order id>/2` until it is known, then `SettleRefund`;
- any other status: nothing is left to do.
"""

from typing import Literal

from pydantic import Field, JsonValue

from schemas.fields import (
    Amount,
    AmountAsked,
    AmountGiven,
    Count,
    Currency,
    DerivedId,
    Id,
    Text,
)
from schemas.message import Command, Event, Message, Refusal
from schemas.order import OrderFacts, OrderFailure, OrderRef, StopAsked


class WalletFacts(Message):
    """A wallet as it is now; a copy applies only a higher revision."""

    customer_id: Id
    balance: Amount
    currency: Currency
    revision: Count


class OpenWallet(
    Command,
    wire="odori.payment.OpenWallet.v1",
    saga="wallet:{customer_id}",
    key="customer_id",
    subject="customer_id",
    operator=True,
):
    """Give a customer a wallet, with what it holds at first."""

    customer_id: Id
    currency: Currency
    opening: AmountAsked


class TopUpWallet(
    Command,
    wire="odori.payment.TopUpWallet.v1",
    saga="wallet:{customer_id}",
    key="customer_id",
    subject="customer_id",
    minted="request_id",
    operator=True,
):
    """Put money into a wallet; it is opened if there is none."""

    customer_id: Id
    request_id: Id
    currency: Currency
    amount: AmountGiven


class RefundPayment(
    Command,
    wire="odori.payment.RefundPayment.v1",
    saga="order_id",
    key="customer_id",
    minted="request_id",
    operator=True,
):
    """Pay an order back: by stopping it, or on its own if it is shipping already."""

    order_id: Id
    customer_id: Id
    request_id: Id
    reason: Text = ""


class AttemptCharge(
    Command,
    wire="odori.payment.AttemptCharge.v1",
    saga="order_id",
    key="customer_id",
    operator=True,
):
    """A connector is about to call its provider for the first time."""

    order_id: Id
    customer_id: Id


class SettleCharge(
    Command,
    wire="odori.payment.SettleCharge.v1",
    saga="order_id",
    key="customer_id",
    identity=("order_id", "outcome"),
    operator=True,
):
    """A provider's answer to a charge, once it is known."""

    order_id: Id
    customer_id: Id
    outcome: Literal["approved", "declined", "not_charged"]
    transaction_id: Id | None = None
    provider_response: dict[str, JsonValue] = Field(default_factory=dict)


class SettleRefund(
    Command,
    wire="odori.payment.SettleRefund.v1",
    saga="order_id",
    key="customer_id",
    identity=("order_id",),
    operator=True,
):
    """A provider has paid back."""

    order_id: Id
    customer_id: Id
    transaction_id: Id | None = None
    provider_response: dict[str, JsonValue] = Field(default_factory=dict)


class PaymentCompleted(
    OrderFacts,
    Event,
    wire="odori.payment.PaymentCompleted.v1",
    saga="order_id",
    key="shipment_partition",
):
    """The order is paid."""

    payment_id: DerivedId
    transaction_id: DerivedId


class PaymentDeclined(OrderFailure, wire="odori.payment.PaymentDeclined.v1", saga="order_id"):
    """The order is not paid and will not be: wallet, funds, currency, declined or not_charged."""


class ChargeRequested(
    OrderFacts,
    Event,
    wire="odori.payment.ChargeRequested.v1",
    saga="order_id",
    key="customer_id",
):
    """A connector should charge; request 1 of this payment."""

    payment_id: DerivedId


class PaymentMoved(OrderRef):
    """What every later word about a payment carries."""

    payment_id: DerivedId


class VoidRequested(
    PaymentMoved,
    Event,
    wire="odori.payment.VoidRequested.v1",
    saga="order_id",
    key="customer_id",
):
    """The order ended while its charge was under way: a connector should find out its outcome."""


class RefundRequested(
    PaymentMoved,
    Event,
    wire="odori.payment.RefundRequested.v1",
    saga="order_id",
    key="customer_id",
):
    """A connector should pay back; request 2 of this payment."""


class PaymentVoided(
    PaymentMoved,
    Event,
    wire="odori.payment.PaymentVoided.v1",
    saga="order_id",
    key="customer_id",
):
    """Nothing was charged, and nothing will be."""


class PaymentRefunded(
    PaymentMoved,
    Event,
    wire="odori.payment.PaymentRefunded.v1",
    saga="order_id",
    key="customer_id",
):
    """The customer has the money back."""


class PaymentStopRequested(
    StopAsked,
    Event,
    wire="odori.payment.PaymentStopRequested.v1",
    saga="order_id",
    key="shipment_partition",
):
    """Somebody wants a payment back: the order should stop."""


class RefundRefused(
    Refusal, wire="odori.payment.RefundRefused.v1", saga="order_id", key="customer_id"
):
    """There is nothing to pay back, or not any more."""

    order_id: Id
    customer_id: Id
    request_id: Id
    reason: Literal["unknown", "unpaid", "returned"]


class ChargeAttempted(
    Event, wire="odori.payment.ChargeAttempted.v1", saga="order_id", key="customer_id"
):
    """The connector may call its provider."""

    order_id: Id
    customer_id: Id


class AttemptRefused(
    Refusal, wire="odori.payment.AttemptRefused.v1", saga="order_id", key="customer_id"
):
    """The charge is not wanted any more; the connector must not call."""

    order_id: Id
    customer_id: Id


class WalletOpened(
    WalletFacts,
    Event,
    wire="odori.payment.WalletOpened.v1",
    saga="wallet:{customer_id}",
    key="customer_id",
    subject="customer_id",
):
    """A customer has a wallet."""


class WalletToppedUp(
    WalletFacts,
    Event,
    wire="odori.payment.WalletToppedUp.v1",
    saga="wallet:{customer_id}",
    key="customer_id",
    subject="customer_id",
):
    """A wallet holds more."""

    request_id: Id
    amount: Amount


class WalletRefused(
    Refusal,
    wire="odori.payment.WalletRefused.v1",
    saga="wallet:{customer_id}",
    key="customer_id",
    subject="customer_id",
):
    """A command about a wallet was not carried out."""

    customer_id: Id
    reason: Literal["currency", "open", "total"]
