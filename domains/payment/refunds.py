"""Paying back: asked for by people, decided by the pivot, answered by a provider."""

from datetime import datetime

from domains.domain import Address
from domains.payment import domain
from domains.payment.rows import Payment, PaymentHistory, Status, Wallet
from domains.tx import Tx
from schemas.payment import (
    PaymentRefunded,
    PaymentStopRequested,
    RefundPayment,
    RefundRefused,
    RefundRequested,
    SettleRefund,
)
from schemas.shipping import StopRefused

#: Changes of one payment at most: REQUESTED, VOIDING, REFUNDING, REFUNDED.
CHANGES_MAX_COUNT = 4


def changing(customer: str, order: str) -> list[Address]:
    """The rows that a change of an existing payment may write."""
    return [
        Payment.address(customer, order),
        Wallet.address(customer),
        *[
            PaymentHistory.address(customer, order, number)
            for number in range(1, CHANGES_MAX_COUNT + 1)
        ],
    ]


def _payment(event: SettleRefund | StopRefused) -> list[Address]:
    return changing(event.customer_id, event.order_id)


@domain.step(
    reads=lambda e: [Payment.address(e.customer_id, e.order_id)],
    subject=lambda e: e.request_id,
    queues=False,
)
def ask_refund(event: RefundPayment, tx: Tx) -> PaymentStopRequested | RefundRefused:
    """Ask the pivot first: an order that is not shipping yet ends instead of being given away."""
    payment = tx.get(Payment, event.customer_id, event.order_id)
    if payment is None or payment.status not in (Status.COMPLETED, Status.REQUESTED):
        return RefundRefused(
            order_id=event.order_id, customer_id=event.customer_id, request_id=event.request_id,
            reason="unknown" if payment is None
            else "unpaid" if payment.status is Status.DECLINED else "returned",
        )  # fmt: skip
    tx.touch(payment)
    return PaymentStopRequested(
        **payment.ref(), request_id=event.request_id, reason="payment", detail=event.reason
    )


@domain.step(reads=_payment, subject=lambda e: f"{e.asked_by}:{e.request_id}")
def refund(event: StopRefused, tx: Tx) -> PaymentRefunded | RefundRequested | None:
    """The order is shipping: what was asked of payment is paid back on its own."""
    payment = tx.get(Payment, event.customer_id, event.order_id)
    ours = event.asked_by == PaymentStopRequested.__name__
    if not ours or payment is None or payment.status is not Status.COMPLETED:
        return None
    return pay_back(payment, tx)


@domain.step(reads=_payment)
def settle_refund(event: SettleRefund, tx: Tx) -> PaymentRefunded:
    """A provider has paid back."""
    payment = tx.get(Payment, event.customer_id, event.order_id)
    assert payment is not None, "a connector answers for a payment that it was asked about"
    assert payment.status is Status.REFUNDING, "only what is being paid back can be paid back"
    response = {**(payment.provider_response or {}), "refund": event.provider_response}
    keep(payment.but(status=Status.REFUNDED, provider_response=response), tx)
    return PaymentRefunded(**payment.ref(), payment_id=payment.payment_id)


def pay_back(payment: Payment, tx: Tx) -> PaymentRefunded | RefundRequested:
    """Return a completed payment: a wallet has it at once, a card when its provider says so."""
    assert payment.status is Status.COMPLETED, "only what was paid is paid back"
    if payment.payment_method == "card":
        keep(payment.but(status=Status.REFUNDING, request=2), tx)
        return RefundRequested(**payment.ref(), payment_id=payment.payment_id)
    wallet = tx.get(Wallet, payment.customer_id)
    assert wallet is not None, "a wallet that paid is still there"
    tx.put(
        wallet.but(
            balance=wallet.balance + payment.amount, refunded=wallet.refunded + payment.amount,
            last_updated=tx.now, revision=wallet.revision + 1,
        )
    )  # fmt: skip
    keep(payment.but(status=Status.REFUNDED, request=2), tx)
    return PaymentRefunded(**payment.ref(), payment_id=payment.payment_id)


def keep(payment: Payment, tx: Tx) -> None:
    """Write a payment that changed, and its history, which begins with the first change."""
    place, now = (payment.customer_id, payment.order_id), payment.revision
    before = tx.get(Payment, *place)
    tx.get_many(PaymentHistory, [(*place, number) for number in (now, now + 1)])  # all at once
    if before is not None and before.revision == 1:
        tx.put(_line(before, before.processed_at or before.created_at))
    changed = payment.but(revision=payment.revision + 1)
    tx.put(changed)
    tx.put(_line(changed, tx.now))


def _line(payment: Payment, at: datetime) -> PaymentHistory:
    """The line of history for a payment as it was then."""
    return PaymentHistory(
        customer_id=payment.customer_id, order_id=payment.order_id, number=payment.revision,
        payment_id=payment.payment_id, status=payment.status, amount=payment.amount,
        currency=payment.currency, transaction_id=payment.transaction_id, at=at,
    )  # fmt: skip
