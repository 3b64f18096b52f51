"""Customers who order at a steady pace, whatever happens: who gets no answer asks again."""

import asyncio
from collections.abc import Callable, Sequence
from random import Random
from time import monotonic

from schemas.fields import Address, ItemAsked
from schemas.inventory import ListProduct
from schemas.message import Command
from schemas.order import CancelOrder, PlaceOrder
from schemas.payment import OpenWallet
from schemas.shipping import RefuseDestination
from streams.chaos.recovery import Seen
from streams.http_client import Answer, HttpClient, Unreachable
from streams.intake.routes import OPERATOR_HEADER
from streams.publishing.over_http import path_of
from streams.publishing.pace import Pace

#: product -> category, price, units at the start.
PRODUCTS = {
    "tea": ("drinks", "4.50", 100_000_000),
    "rice": ("grains", "12.00", 100_000_000),
    "saffron": ("spices", "9.00", 300),
}
#: What runs out, and how many of the orders want it.
SCARCE, SCARCE_RATIO = "saffron", 0.15
CUSTOMERS = ("ann", "bob", "cho")
#: Has less than she wants.
POOR = "dan"
REFUSED = "Sunken"
#: How many of the orders are taken back by their customers.
CANCELLED_RATIO = 0.1
#: Orders that wait for an answer or an end at most; the next customer then waits, too.
UNDER_WAY_MAX_COUNT = 400
#: An intake that has not answered by then is asked no more: another one is.
ANSWER_LIMIT_S = 3.0
#: Between two attempts of one customer.
AGAIN_S = 0.2
#: Nobody refuses what the customers ask; only "come again" is no answer.
ACCEPTED, CONFLICT, COME_AGAIN = 202, 409, 503


class Street:
    """`urls` are the intakes as they are now."""

    def __init__(self, chance: Random, urls: Callable[[], Sequence[str]]) -> None:
        self.orders: dict[str, Seen] = {}
        #: Orders that have not ended, as far as is known.
        self.open: dict[str, Seen] = {}
        #: Answers that nobody expected.
        self.strange: list[str] = []
        #: Requests that were not answered, and asked again.
        self.unanswered = 0
        self.accepting = asyncio.Event()
        self._chance, self._urls = chance, urls
        self._clients: dict[str, HttpClient] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def open_shop(self, operator_key: str) -> None:
        """Products, wallets, a place that is not served; until order knows what can be bought."""
        for command in _opening():
            answer = await self._asked(command, {OPERATOR_HEADER: operator_key})
            assert answer.status == ACCEPTED, answer.body
        while len((await self._get("/api/order/listing")).json()["rows"]) < len(PRODUCTS):
            pass  # every look is a request

    async def trade(self, rate: float) -> None:
        """Order for ever, so many a second."""
        pace = Pace(rate)
        while True:
            await pace.turns()
            if len(self.open) < UNDER_WAY_MAX_COUNT:
                task = asyncio.create_task(self._order())
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Let those go who still wait."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for client in self._clients.values():
            await client.__aexit__()

    def ended(self, order: str, at: float) -> None:
        """This order was seen at its end."""
        if found := self.open.pop(order, None):
            found.ended = at

    async def _order(self) -> None:
        command = self._any()
        order = Seen(command.order_id, monotonic())
        self.orders[order.id] = self.open[order.id] = order
        answer = await self._asked(command)
        if answer.status != ACCEPTED:
            self.strange.append(f"{command.order_id}: {answer.status} {answer.body.decode()}")
            return
        order.accepted = monotonic()
        self.accepting.set()
        if self._chance.random() < CANCELLED_RATIO:
            cancel = CancelOrder(
                order_id=order.id, customer_id=command.customer_id, request_id="c1"
            )
            answer = await self._asked(cancel)
            if answer.status not in (ACCEPTED, CONFLICT):
                self.strange.append(f"cancel {order.id}: {answer.status} {answer.body.decode()}")

    def _any(self) -> PlaceOrder:
        """An order with any outcome: confirmed mostly, else short, declined or refused."""
        chance = self._chance
        rare = [SCARCE] if chance.random() < SCARCE_RATIO else []
        some = [*chance.sample(sorted({*PRODUCTS} - {SCARCE}), chance.randint(1, 2)), *rare]
        place = chance.choices((REFUSED, "Tokyo", "Osaka"), (1, 6, 6))[0]
        return PlaceOrder(
            order_id=f"C-{chance.getrandbits(64):016x}",
            customer_id=chance.choices((POOR, *CUSTOMERS), (1, 3, 3, 3))[0],
            items=tuple(ItemAsked(product_id=p, quantity=chance.randint(1, 3)) for p in some),
            shipping_address=Address(line1="x", prefecture=place, country="JP"),
            payment_method=chance.choices(("wallet", "card"), (3, 1))[0],
        )

    async def _asked(self, command: Command, headers: dict[str, str] | None = None) -> Answer:
        """The answer, from whichever intake gives one."""
        fields = {"content-type": "application/json"} | (headers or {})
        path, body = path_of(command), command.payload()
        while True:
            try:
                answer = await self._client().request("POST", path, body, fields)
                if answer.status != COME_AGAIN:
                    return answer
            except Unreachable:
                self.unanswered += 1
            await asyncio.sleep(AGAIN_S)

    async def _get(self, path: str) -> Answer:
        return await self._client().get(path)

    def _client(self) -> HttpClient:
        url = self._chance.choice(self._urls())
        if url not in self._clients:
            self._clients[url] = HttpClient(url, answer_s=ANSWER_LIMIT_S, tries=1)
        return self._clients[url]


def _opening() -> list[Command]:
    listed = [
        ListProduct(
            product_id=name, product_name=name, category=category, currency="USD",
            unit_price=price, quantity=units,
        )
        for name, (category, price, units) in PRODUCTS.items()
    ]  # fmt: skip
    wallets = [
        OpenWallet(
            customer_id=name, currency="USD", opening="200.00" if name == POOR else "90000000.00"
        )
        for name in (*CUSTOMERS, POOR)
    ]
    refused = RefuseDestination(destination=REFUSED, request_id="r", reason="under water")
    return [*listed, *wallets, refused]
