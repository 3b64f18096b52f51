"""Payment's part of the dance: charge, give back, and what a provider answered."""

from pydantic import JsonValue

from domains.domain import Address
from domains.payment import domain, refunds, wallets
from domains.payment.refunds import changing, keep, pay_back
from domains.payment.rows import Payment, Status, Wallet
from domains.tx import Tx
from schemas.inventory import StockReserved
from schemas.message import Failure
from schemas.money import to_minor
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
    VoidRequested,
)

__all__ = ["domain", "refunds", "wallets"]

#: What a wallet, which is its own provider, answers.
PAID_BY_WALLET: dict[str, JsonValue] = {"provider": "wallet", "outcome": "approved"}


def _of_charging(event: StockReserved) -> list[Address]:
    customer, order = event.customer_id, event.order_id
    return [
        Payment.address(customer, order),
        Wallet.address(customer),
    ]


@domain.step(reads=_of_charging)
def charge(event: StockReserved, tx: Tx) -> PaymentCompleted | PaymentDeclined | ChargeRequested:
    """Take the money from the wallet, or ask a provider to take it from the card."""
    amount = to_minor(event.amount, event.currency)
    if event.payment_method == "card":
        requested = _opened(event, amount, Status.REQUESTED, tx)
        return event.onward(ChargeRequested, payment_id=requested.payment_id)
    wallet = tx.get(Wallet, event.customer_id)
    reason, detail = _unable(wallet, event, amount)
    if wallet is None or reason:
        _opened(event, amount, Status.DECLINED, tx, declined=reason)
        return PaymentDeclined(**event.ref(), reason=reason, detail=detail)
    tx.put(
        wallet.but(
            balance=wallet.balance - amount, charged=wallet.charged + amount,
            last_updated=tx.now, revision=wallet.revision + 1,
        )
    )  # fmt: skip
    paid = _opened(event, amount, Status.COMPLETED, tx)
    return event.onward(
        PaymentCompleted, payment_id=paid.payment_id, transaction_id=paid.transaction_id or ""
    )


@domain.undo(charge, reads=lambda failure, heard: changing(heard.customer_id, heard.order_id))
def give_back(
    failure: Failure, heard: StockReserved, tx: Tx
) -> PaymentRefunded | VoidRequested | RefundRequested | None:
    """The order ended: return what was taken, and find out about what is under way."""
    payment = tx.get(Payment, heard.customer_id, heard.order_id)
    assert payment is not None, "what was charged has a row"
    if payment.status is Status.COMPLETED:
        return pay_back(payment, tx)
    if payment.status is Status.REQUESTED:
        keep(payment.but(status=Status.VOIDING), tx)
        return VoidRequested(**payment.ref(), payment_id=payment.payment_id)
    return None  # declined, or on its way back already


@domain.step(reads=lambda e: [Payment.address(e.customer_id, e.order_id)])
def attempt(event: AttemptCharge, tx: Tx) -> ChargeAttempted | AttemptRefused:
    """A connector is about to call; from here on only the provider knows what was charged."""
    payment = tx.get(Payment, event.customer_id, event.order_id)
    assert payment is not None, "a connector answers for a payment that it was asked about"
    if payment.status is not Status.REQUESTED:
        return AttemptRefused(order_id=event.order_id, customer_id=event.customer_id)
    tx.put(payment.but(attempted=True))
    return ChargeAttempted(order_id=event.order_id, customer_id=event.customer_id)


@domain.step(reads=lambda e: changing(e.customer_id, e.order_id))
def settle(
    event: SettleCharge, tx: Tx
) -> PaymentCompleted | PaymentDeclined | PaymentVoided | RefundRequested:
    """A provider's answer: the order goes on or ends; if it ended before, the money comes back."""
    payment = tx.get(Payment, event.customer_id, event.order_id)
    assert payment is not None, "a connector answers for a payment that it was asked about"
    assert payment.status in (Status.REQUESTED, Status.VOIDING), "it is answered once"
    voiding, approved = payment.status is Status.VOIDING, event.outcome == "approved"
    answered = payment.but(
        transaction_id=event.transaction_id, provider_response=event.provider_response,
        processed_at=tx.now, items=None, shipping_address=None, category=None,
        status=(Status.REFUNDING if approved else Status.VOIDED) if voiding
        else (Status.COMPLETED if approved else Status.DECLINED),
        request=2 if voiding and approved else 1,
    )  # fmt: skip
    keep(answered, tx)
    if voiding:
        said = RefundRequested if approved else PaymentVoided
        return said(**payment.ref(), payment_id=payment.payment_id)
    if not approved:
        return PaymentDeclined(**payment.ref(), reason=event.outcome)
    return PaymentCompleted(
        **payment.facts(), payment_id=payment.payment_id,
        transaction_id=event.transaction_id or payment.payment_id,
    )  # fmt: skip


def _unable(wallet: Wallet | None, event: StockReserved, amount: int) -> tuple[str, str]:
    """Why the wallet cannot pay, in a word and in a sentence that does not say what is in it."""
    if wallet is None:
        return "wallet", f"customer {event.customer_id} has no wallet"
    if wallet.currency != event.currency:
        return "currency", f"the wallet is not in {event.currency}"
    if wallet.balance < amount:
        return "funds", f"the wallet has less than {event.amount} {event.currency}"
    return "", ""


def _opened(
    event: StockReserved, amount: int, status: Status, tx: Tx, declined: str = ""
) -> Payment:
    """The payment of an order, as it begins; its history begins with its first change."""
    card, answered = status is Status.REQUESTED, status is not Status.REQUESTED
    refusal: dict[str, JsonValue] = {
        "provider": "wallet",
        "outcome": "declined",
        "reason": declined,
    }
    payment = Payment(
        customer_id=event.customer_id, order_id=event.order_id, payment_id=f"P-{event.order_id}",
        amount=amount, currency=event.currency, payment_method=event.payment_method,
        shipment_partition=event.shipment_partition, status=status,
        transaction_id=f"W-{event.order_id}" if status is Status.COMPLETED else None,
        processed_at=tx.now if answered else None,
        provider_response=(refusal if declined else PAID_BY_WALLET) if answered else None,
        created_at=tx.now, items=event.items if card else None,
        shipping_address=event.shipping_address if card else None,
        category=event.category if card else None,
    )  # fmt: skip
    tx.put(payment)
    return payment
