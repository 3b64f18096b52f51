"""A small shop: products, customers, orders and the rows they need, for tests of the domains."""

from datetime import timedelta
from typing import Any, TypeVar

from domains.inventory.rows import Shelf, Stock
from domains.inventory.rules import HOLD_SECONDS, RESERVATION_SECONDS
from domains.order.rows import Listing
from domains.payment.rows import Wallet
from domains.shipping.rows import RefusedDestination
from schemas.fields import Address, ItemAsked, ItemPriced
from schemas.message import Message
from schemas.order import OrderFacts, PlaceOrder
from tests.given import NOW

M = TypeVar("M", bound=Message)

TOKYO = Address(line1="1-1 Chiyoda", city="Tokyo", prefecture="Tokyo", country="JP")
ATLANTIS = Address(line1="Deep street", city="Poseidonis", prefecture="Sunken", country="AT")

RESERVATION_TTL = timedelta(seconds=RESERVATION_SECONDS)
HOLD_DURATION = timedelta(seconds=HOLD_SECONDS)

#: The domains that an order needs; others may dance along.
COMMERCE = ("order", "inventory", "payment", "shipping")

#: product id -> category, price in cents
PRODUCTS = {"tea": ("drinks", 450), "rice": ("grains", 1200), "miso": ("condiments", 325)}

TEA = ItemPriced(product_id="tea", quantity=2, category="drinks", unit_price="4.50")
RICE = ItemPriced(product_id="rice", quantity=1, category="grains", unit_price="12.00")

#: What every order of these tests is about: two lines over two categories, 21.00 USD.
ORDER: dict[str, Any] = {
    "order_id": "O-1",
    "customer_id": "ann",
    "amount": "21.00",
    "currency": "USD",
    "payment_method": "wallet",
    "shipment_partition": "Tokyo",
    "items": (TEA, RICE),
    "shipping_address": TOKYO,
    "category": "drinks",
}


def event(kind: type[M], **changes: Any) -> M:
    """An event or failure about the order, with what it needs beyond the order's facts."""
    known = ORDER | {
        "revision": 2, "reservation_id": "R-O-1", "payment_id": "P-O-1", "transaction_id": "W-O-1",
        "shipment_id": "S-O-1", "tracking_number": "OD1", "carrier": "Odori", "reason": "customer",
        "request_id": "r1", "detail": "", "asked_by": "StopRequested", "status": "ARRANGED",
    } | changes  # fmt: skip
    return kind(**{name: known[name] for name in kind.model_fields if name in known})


def place(order_id: str = "O-1", **changes: Any) -> PlaceOrder:
    """The customer's command."""
    asked: dict[str, Any] = {
        "order_id": order_id,
        "customer_id": "ann",
        "items": (
            ItemAsked(product_id="tea", quantity=2),
            ItemAsked(product_id="rice", quantity=1),
        ),
        "shipping_address": TOKYO,
        "payment_method": "wallet",
    }
    return PlaceOrder(**{**asked, **changes})


def listings() -> list[Listing]:
    """Order's copy of the catalogue."""
    return [
        Listing(
            product_id=product, product_name=product.title(), category=category,
            unit_price=price, currency="USD", revision=1,
        )
        for product, (category, price) in PRODUCTS.items()
    ]  # fmt: skip


def stock(product: str = "tea", available: int = 10, **changes: Any) -> Stock:
    """What is on the shelf, untouched so far."""
    category, price = PRODUCTS[product]
    row = Stock(
        category=category, product_id=product, product_name=product.title(), quantity=available,
        reserved_quantity=0, available_quantity=available, unit_price=price, currency="USD",
        low_stock_threshold=0, last_updated=NOW, initial=available,
    )  # fmt: skip
    return row.but(**changes)


def shelves(available: int = 10) -> list[Stock | Shelf]:
    """All products, with as much of each."""
    stocks: list[Stock | Shelf] = [stock(product, available) for product in PRODUCTS]
    return stocks + [Shelf(product_id=p, category=c) for p, (c, _) in PRODUCTS.items()]


def wallet(balance: int = 10_000, currency: str = "USD", customer: str = "ann") -> Wallet:
    """A customer's money."""
    return Wallet(
        customer_id=customer, balance=balance, currency=currency, last_updated=NOW, opening=balance
    )


def sunken() -> RefusedDestination:
    """The place that is not served."""
    return RefusedDestination(destination="Sunken", refused=True, reason="under water", revision=3)


def facts_of(message: OrderFacts) -> dict[str, Any]:
    """The facts that an event carries along."""
    return {name: getattr(message, name) for name in ORDER}
