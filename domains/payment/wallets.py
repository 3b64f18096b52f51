"""Wallets: opened, topped up; charged and refunded by the payments of orders."""

from typing import Any

from domains.domain import Address
from domains.payment import domain
from domains.payment.rows import Wallet
from domains.tx import Tx
from schemas.money import MINOR_MAX_UNITS, to_amount, to_minor
from schemas.payment import OpenWallet, TopUpWallet, WalletOpened, WalletRefused, WalletToppedUp


def _wallet(event: OpenWallet | TopUpWallet) -> list[Address]:
    return [Wallet.address(event.customer_id)]


@domain.step(reads=_wallet)
def open_wallet(event: OpenWallet, tx: Tx) -> WalletOpened | WalletRefused:
    """Give a customer a wallet, once."""
    if tx.get(Wallet, event.customer_id) is not None:
        return WalletRefused(customer_id=event.customer_id, reason="open")
    opening = to_minor(event.opening, event.currency)
    wallet = Wallet(
        customer_id=event.customer_id, balance=opening, currency=event.currency,
        last_updated=tx.now, opening=opening,
    )  # fmt: skip
    tx.put(wallet)
    return WalletOpened(**_facts(wallet))


@domain.step(reads=_wallet, subject=lambda e: e.request_id)
def top_up(event: TopUpWallet, tx: Tx) -> WalletToppedUp | WalletRefused:
    """Put money into a wallet; the first money opens it, another currency is refused."""
    wallet = tx.get(Wallet, event.customer_id) or Wallet(
        customer_id=event.customer_id, balance=0, currency=event.currency, last_updated=tx.now,
        revision=0,
    )  # fmt: skip
    if wallet.currency != event.currency:
        return WalletRefused(customer_id=event.customer_id, reason="currency")
    amount = to_minor(event.amount, event.currency)
    if wallet.topped_up + amount > MINOR_MAX_UNITS:
        return WalletRefused(customer_id=event.customer_id, reason="total")
    wallet = wallet.but(
        balance=wallet.balance + amount, topped_up=wallet.topped_up + amount,
        last_updated=tx.now, revision=wallet.revision + 1,
    )  # fmt: skip
    tx.put(wallet)
    return WalletToppedUp(
        **_facts(wallet), request_id=event.request_id, amount=to_amount(amount, event.currency)
    )


def _facts(wallet: Wallet) -> dict[str, Any]:
    return {
        "customer_id": wallet.customer_id,
        "balance": to_amount(wallet.balance, wallet.currency),
        "currency": wallet.currency,
        "revision": wallet.revision,
    }
