"""The port to a payment provider: asked by key, so that asking again is harmless."""

from dataclasses import dataclass
from typing import Protocol

from pydantic import JsonValue


class ProviderError(Exception):
    """No answer; see below.

    ProviderError
    ├── ProviderDown      it was not reached, or it refused to work: nothing was done
    └── ProviderTimeout   it was asked and did not answer: nobody knows what was done
    """


class ProviderDown(ProviderError):
    """The provider was not reached; nothing was done."""


class ProviderTimeout(ProviderError):
    """The provider did not answer; whether it did something is unknown."""


@dataclass(frozen=True, slots=True)
class Request:
    """What a provider is asked for; amounts are minor units.

    `key` is `<order id>/1` for a charge and for its void, `<order id>/2` for the refund, however
    often it is asked; a provider does what a key asks for at most once and always answers it alike.
    """

    key: str
    order_id: str
    customer_id: str
    amount: int
    currency: str


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer, for good. Declined is an answer, no error."""

    approved: bool
    transaction_id: str
    response: dict[str, JsonValue]


class PaymentProvider(Protocol):
    """What a connector needs of a provider; every call raises ProviderError or answers."""

    async def charge(self, request: Request) -> Reply:
        """Take the amount, or decline; an answer that was given to this key is given again."""

    async def void(self, request: Request) -> Reply:
        """End the charge of this key: approved if it was taken before; if not, it never will be.

        Decided at the provider, in one piece with its charges: one that is still on its way when
        this answers is declined when it arrives. An answer from `lookup` cannot promise that.
        """

    async def refund(self, request: Request) -> Reply:
        """Give back what the charge of this order took; never declined."""

    async def lookup(self, request: Request) -> Reply | None:
        """The answer that was given to this key; None if the provider never did what it asks."""

    async def close(self) -> None:
        """Let go of connections and files."""
