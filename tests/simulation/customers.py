"""What people do in this world: order, order again, change their minds, pay in, deliver goods."""

import asyncio
from collections import Counter
from itertools import count
from random import Random
from typing import Any, Protocol

from schemas.fields import Address, ItemAsked
from schemas.inventory import CancelReservation, ChangePrice, HoldStock, ListProduct, Replenish
from schemas.message import Command
from schemas.order import CancelOrder, PlaceOrder
from schemas.payment import OpenWallet, RefundPayment, TopUpWallet
from schemas.shipping import RefuseDestination
from streams import operator
from streams.answers import ACCEPTED, FAILED, answer
from tests.simulation.commands import delivery_of, envelope_of
from tests.simulation.host import Host
from tests.simulation.hostile_bus import Broker
from tests.simulation.virtual_loop import passing

PRODUCTS = {f"p{n}": f"c{n % 3}" for n in range(6)}
CUSTOMERS = tuple(f"customer-{n}" for n in range(5))
PLACES = ("Tokyo", "Osaka", "Sunken")
STOCK_UNITS, OPENING, REFUSED = 40, "150.00", "Sunken"
#: A client that gets no answer asks again after so long.
ASK_AGAIN_S = 0.7


class Town(Protocol):
    """What customers need of their world."""

    chance: Random
    broker: Broker | None

    def some_host(self) -> Host | None: ...


class Customers:
    """Everything that was asked, and what was answered."""

    def __init__(self, town: Town) -> None:
        self._town = town
        self.ids = count(1)
        self._requests = count(1)
        self._numbers = count(1)
        self.orders: dict[str, PlaceOrder] = {}
        #: Orders that somebody was told are accepted, and those that the bus holds for ever.
        self.accepted: set[str] = set()
        self.promised: set[str] = set()
        self.topped_up: Counter[str] = Counter()
        self.replenished: Counter[str] = Counter()

    async def open(self) -> None:
        """A shop with shelves, wallets, and a place that is not served."""
        for product, category in PRODUCTS.items():
            await self._ask(
                ListProduct(
                    product_id=product, product_name=product, category=category, currency="USD",
                    unit_price="5.00", quantity=STOCK_UNITS, low_stock_threshold=10,
                )
            )  # fmt: skip
        for customer in CUSTOMERS:
            await self._ask(OpenWallet(customer_id=customer, currency="USD", opening=OPENING))
        await self._ask(RefuseDestination(destination=REFUSED, request_id="r"))

    async def act(self) -> None:
        """One thing that somebody does."""
        known = list(self.orders)
        weights = {self._order: 10, **dict.fromkeys(self._others(), 1)}
        if known:
            weights |= {self._repeat: 2, self._cancel: 2, self._clash: 1, self._release: 1}
        [what] = self._town.chance.choices(list(weights), list(weights.values()))
        await what()

    def _others(self) -> list[Any]:
        return [self._hold, self._top_up, self._replenish, self._reprice, self._refund]

    async def _order(self) -> None:
        chance, number = self._town.chance, next(self._numbers)
        products = chance.sample(list(PRODUCTS), chance.randint(1, 3))
        order = PlaceOrder(
            order_id=f"O-{number}", customer_id=chance.choice(CUSTOMERS),
            items=tuple(ItemAsked(product_id=p, quantity=chance.randint(1, 3)) for p in products),
            shipping_address=Address(
                line1="1", prefecture=chance.choices(PLACES, (5, 5, 1))[0], country="JP"
            ),
            payment_method=chance.choice(("wallet", "card")),
        )  # fmt: skip
        self.orders[order.order_id] = order
        await self._place(order)

    async def _repeat(self) -> None:
        await self._place(self._some_order())

    async def _clash(self) -> None:
        order = self._some_order()
        other = order.model_copy(update={"items": (ItemAsked(product_id="p0", quantity=9),)})
        await self._send(other, f"other-{next(self._requests)}")

    async def _place(self, order: PlaceOrder) -> None:
        key = order.order_id if self._town.chance.random() < 0.3 else None
        if await self._send(order, key) == ACCEPTED:
            self.accepted.add(order.order_id)

    async def _cancel(self) -> None:
        order = self._some_order()
        await self._send(
            CancelOrder(
                order_id=order.order_id, customer_id=order.customer_id, request_id=self._request()
            )
        )

    async def _refund(self) -> None:
        if self.orders:
            order = self._some_order()
            await self._send(
                RefundPayment(
                    order_id=order.order_id, customer_id=order.customer_id,
                    request_id=self._request(),
                )
            )  # fmt: skip

    async def _hold(self) -> None:
        """Sometimes for an order that comes later."""
        chance = self._town.chance
        ahead = f"O-{next(self._numbers) + 3}" if chance.random() < 0.5 else f"H-{self._request()}"
        items = (ItemAsked(product_id=chance.choice(list(PRODUCTS)), quantity=1),)
        await self._send(
            HoldStock(order_id=ahead, customer_id=chance.choice(CUSTOMERS), items=items)
        )

    async def _release(self) -> None:
        order = self._some_order()
        await self._send(CancelReservation(order_id=order.order_id, request_id=self._request()))

    async def _top_up(self) -> None:
        customer = self._town.chance.choice(CUSTOMERS)
        self.topped_up[customer] += 3000
        await self._surely(
            TopUpWallet(
                customer_id=customer, request_id=self._request(), currency="USD", amount="30.00"
            )
        )

    async def _replenish(self) -> None:
        product = self._town.chance.choice(list(PRODUCTS))
        self.replenished[product] += 7
        await self._surely(Replenish(product_id=product, request_id=self._request(), quantity=7))

    async def _reprice(self) -> None:
        chance = self._town.chance
        await self._send(
            ChangePrice(
                product_id=chance.choice(list(PRODUCTS)), request_id=self._request(),
                currency="USD", unit_price=f"{chance.randint(3, 7)}.00",
            )
        )  # fmt: skip

    # how it is said

    async def _surely(self, command: Command) -> None:
        """Twice over the bus, or over HTTP until it is answered."""
        broker, chance, host = self._town.broker, self._town.chance, self._town.some_host()
        if broker is not None and host is not None and chance.random() < 0.5:
            for _ in range(2):
                self._mail(command, broker, host)
        else:
            await self._ask(command)

    async def _send(self, command: Command, key: str | None = None) -> int | None:
        """Over the bus, or over HTTP by a client that may give up."""
        broker, chance = self._town.broker, self._town.chance
        if broker is not None and key is None and chance.random() < 0.4:
            self._mail(command, broker, self._town.some_host())
            if isinstance(command, PlaceOrder):
                self.promised.add(command.order_id)
            return None
        if chance.random() < 0.7:
            return await self._ask(command, key)
        return await self._try(command, key)

    def _mail(self, command: Command, broker: Broker, host: Host | None) -> None:
        """Put it on its topic; the operator's tools know the secret where anybody is at home."""
        envelope = envelope_of(command, self.ids)
        if command.spec.operator and host is not None:
            operator.mark(host.system.operator_key, envelope)
        broker.send(envelope)

    async def _ask(self, command: Command, key: str | None = None) -> int:
        while True:
            status = await self._try(command, key)
            if status is not None and status < FAILED:
                return status
            await passing(ASK_AGAIN_S)

    async def _try(self, command: Command, key: str | None) -> int | None:
        """One request; None if the answer never came."""
        host = self._town.some_host()
        worker = host.system.workers.get(command.spec.domain) if host else None
        if host is None or worker is None:
            return None
        delivery = delivery_of(command, self.ids, key)
        asked = host.spawn(worker.submit(delivery))
        await asyncio.wait({asked})
        if asked.cancelled() or asked.exception() is not None:
            return None
        return answer(delivery, asked.result())[0]

    def _some_order(self) -> PlaceOrder:
        return self.orders[self._town.chance.choice(list(self.orders))]

    def _request(self) -> str:
        return f"r-{next(self._requests)}"
