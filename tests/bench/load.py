"""What the benchmark orders: random ids, and one order in twenty that nobody ships."""

from collections.abc import Iterator
from random import Random
from uuid import uuid4

from schemas.fields import Address, ItemAsked
from schemas.inventory import ListProduct
from schemas.message import Command
from schemas.order import PlaceOrder
from schemas.payment import OpenWallet
from schemas.shipping import RefuseDestination
from streams.delivery import Delivery, Via
from streams.envelope import Envelope

PRODUCTS, CATEGORIES, CUSTOMERS, PREFECTURES = 1_000, 8, 10_000, 47
#: One order in so many goes where nobody ships: 5 %.
REFUSED_EVERY = 20
NOWHERE = "Atlantis"


def preparation() -> Iterator[Command]:
    """Shelves and wallets that no run empties, and the place that is not served."""
    yield RefuseDestination(destination=NOWHERE, request_id="bench", reason="under water")
    for n in range(PRODUCTS):
        yield ListProduct(
            product_id=f"product-{n}", product_name=f"Product {n}", category=f"c{n % CATEGORIES}",
            currency="USD", unit_price="10.00", quantity=100_000_000,
        )  # fmt: skip
    for n in range(CUSTOMERS):
        yield OpenWallet(customer_id=f"customer-{n}", currency="USD", opening="10000000.00")


def orders(seed: int = 1) -> Iterator[PlaceOrder]:
    """Orders of two lines, without end; ids are as random as customers' ids are."""
    random, number = Random(seed), 0
    served = [_address(f"prefecture {n}") for n in range(PREFECTURES)]
    nowhere = _address(NOWHERE)
    while True:
        number += 1
        first, second = random.sample(range(PRODUCTS), 2)
        yield PlaceOrder(
            order_id=str(uuid4()),
            customer_id=f"customer-{random.randrange(CUSTOMERS)}",
            items=(
                ItemAsked(product_id=f"product-{first}", quantity=1),
                ItemAsked(product_id=f"product-{second}", quantity=2),
            ),
            shipping_address=random.choice(served) if number % REFUSED_EVERY else nowhere,
            payment_method="wallet",
        )


def _address(prefecture: str) -> Address:
    return Address(line1="1-1 Chiyoda", city="A city", prefecture=prefecture, country="JP")


def delivery(command: Command) -> Delivery:
    """What the web server hands in for a command."""
    spec = command.spec
    envelope = Envelope(
        id=str(uuid4()), source="/odori/http/bench", type=spec.wire, topic=spec.topic,
        key=spec.key(command), payload=command.payload(), saga=spec.saga(command),
        subject=spec.subject(command), body=command,
    )  # fmt: skip
    return Delivery(envelope, Via.HTTP, operator=spec.operator, body=command, saga=envelope.saga)
