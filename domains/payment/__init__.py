"""Payments and wallets: who paid what, and who has it back."""

from domains.domain import Domain

domain = Domain("payment")
