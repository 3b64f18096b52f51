"""Asks a payment provider for what the payment domain requests, and hands its answers in.

An arrival only says which payment to look at; its row says what to do, before each call. Whatever
makes a row wait for the provider (REQUESTED, VOIDING, REFUNDING) announces that in the same commit,
and such an announcement is done only when the row, read after it, waits no more. So every payment
that waits has an announcement at or behind the position, and the position is all that a restart
needs: it repeats what was under way, the provider knows the keys, and the ledger drops repeats.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from typing import Any, Literal

from domains.payment.rows import Payment, Status
from infra.observe import observe
from schemas.catalogue import Catalogue, SchemaError
from schemas.message import Command
from schemas.payment import (
    AttemptCharge,
    ChargeRequested,
    RefundRequested,
    SettleCharge,
    SettleRefund,
    VoidRequested,
)
from streams.bus import Arrival, Bus
from streams.connectors.heard import Heard
from streams.connectors.provider import PaymentProvider, ProviderDown, Reply, Request
from streams.connectors.rows import Rows
from streams.delivery import Delivery, Result, Via
from streams.envelope import Envelope
from streams.trace import next_hop
from streams.worker import Worker

SUBSCRIBER = "payment.connector"
#: Payments asked about at the same time; a provider that is down holds all of them, so it is not
#: asked more often than this per back-off.
CALLS_MAX_COUNT = 64
#: Payments under way in memory, most of them waiting for their turn; the rest waits on the bus.
PAYMENTS_MAX_COUNT = 2_000
#: Bytes of announcements taken at a time.
POLL_MAX_BYTES = 4_000_000
#: A provider that has not answered for so long is asked again; its outcome is unknown till then.
CALL_LIMIT_S = 30.0
#: The first wait after a call without an answer; it doubles.
BACKOFF_FIRST_S = 0.05
#: The longest wait between two calls about one payment.
BACKOFF_MAX_S = 5.0

Ask = Callable[[Request], Awaitable[Reply]]
HEARD = (ChargeRequested, VoidRequested, RefundRequested)
_WAITING = (Status.REQUESTED, Status.VOIDING, Status.REFUNDING)


class NotTaken(Exception):
    """The payment domain did not take an answer; it is read and asked again."""


class PaymentConnector:
    """One process's connector between the payment domain and one provider."""

    def __init__(
        self, worker: Worker, bus: Bus, catalogue: Catalogue, provider: PaymentProvider
    ) -> None:
        self._worker = worker
        self._bus = bus
        self._catalogue = catalogue
        self._provider = provider
        self._read = Rows(worker.store, Payment).read
        self._calls = asyncio.Semaphore(CALLS_MAX_COUNT)
        self._under_way: dict[tuple[str, str], list[Arrival]] = {}
        self._room = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Subscribe, and go on where the last process stopped."""
        wanted = {message.spec.wire for message in HEARD}
        self._subscription = await self._bus.subscribe(
            SUBSCRIBER, [ChargeRequested.spec.topic],
            self._catalogue.by_type.keys() - wanted,
        )  # fmt: skip
        self._heard = self._worker.beside[SUBSCRIBER] = Heard(self._subscription)
        self._spawn(self._listen(), "payment connector")

    async def stop(self) -> None:
        """Leave at once; what is under way is asked again by whoever comes next."""
        for task in list(self._tasks):
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        self._under_way.clear()
        await self._subscription.close()
        await self._provider.close()

    def _spawn(self, work: Coroutine[None, None, None], name: str) -> None:
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._worker.fail(error)

    # what arrives

    async def _listen(self) -> None:
        while True:
            while not (room := PAYMENTS_MAX_COUNT - len(self._under_way)):
                self._room.clear()
                await self._room.wait()
            self.hear(await self._subscription.poll(room, POLL_MAX_BYTES))

    def hear(self, arrivals: list[Arrival]) -> None:
        """Begin to ask about each payment; one that is under way is looked at once more."""
        for arrival in arrivals:
            self._heard.take(arrival)
            place = self._payment_of(arrival)
            if place is None:
                self._heard.finish(arrival)
            elif place in self._under_way:
                self._under_way[place].append(arrival)
            else:
                self._under_way[place] = [arrival]
                self._spawn(self._pursue(place), f"payment of {place[1]}")

    def _payment_of(self, arrival: Arrival) -> tuple[str, str] | None:
        try:
            body = arrival.envelope and arrival.envelope.decoded(self._catalogue)
        except SchemaError as error:
            observe("connector.unreadable", topic=arrival.topic, error=str(error))
            return None
        return (body.customer_id, body.order_id) if isinstance(body, HEARD) else None

    # one payment

    async def _pursue(self, place: tuple[str, str]) -> None:
        """Ask until the row waits for nothing, and nothing was heard since it was read."""
        arrivals, seen = self._under_way[place], 0
        wait = BACKOFF_FIRST_S
        while seen < len(arrivals):
            heard, cause = len(arrivals), arrivals[-1].envelope
            assert cause is not None, "only what could be read is pursued"
            try:
                async with self._calls:
                    settled = await self._turn(place, cause, wait)
            except Exception as error:  # a stranger's client may raise anything
                observe("connector.trouble", saga=place[1], error=repr(error))
                if not isinstance(error, ProviderDown):
                    await asyncio.sleep(wait)
                wait = min(wait * 2, BACKOFF_MAX_S)
            else:
                seen = heard if settled else 0
        del self._under_way[place]
        self._room.set()
        for arrival in arrivals:
            self._heard.finish(arrival)

    async def _turn(self, place: tuple[str, str], cause: Envelope, wait: float) -> bool:
        """Read the row and do what it waits for; True if it waits for nothing."""
        payment = await self._read(place)
        if not isinstance(payment, Payment) or payment.status not in _WAITING:
            return True
        try:
            await self._ask(payment, cause)
        except ProviderDown:
            await asyncio.sleep(wait)  # keeps its place among the calls: the others need not try
            raise
        return False

    async def _ask(self, payment: Payment, cause: Envelope) -> None:
        who: dict[str, Any] = {"order_id": payment.order_id, "customer_id": payment.customer_id}
        asked = payment.attempted
        if payment.status is Status.REFUNDING:
            reply = await self._call(self._provider.refund, payment, 2, known=True)
            await self._hand_in(SettleRefund(**who, **_facts(reply)), cause)
            return
        if payment.status is Status.VOIDING and not asked:
            await self._hand_in(SettleCharge(**who, outcome="not_charged"), cause)
            return
        if not asked and await self._hand_in(AttemptCharge(**who), cause) is Result.REFUSED:
            return  # it is voided meanwhile
        voiding = payment.status is Status.VOIDING  # nothing is charged after the order's end
        ask = self._provider.void if voiding else self._provider.charge
        reply = await self._call(ask, payment, 1, known=asked)
        outcome: Literal["approved", "declined", "not_charged"] = (
            "approved" if reply.approved else "not_charged" if voiding else "declined"
        )
        await self._hand_in(SettleCharge(**who, outcome=outcome, **_facts(reply)), cause)

    async def _call(self, ask: Ask, payment: Payment, number: int, *, known: bool) -> Reply:
        """The provider's answer; where it may be `known` already it is looked up first: providers
        forget keys some day, and would charge again."""
        request = Request(
            f"{payment.order_id}/{number}", payment.order_id, payment.customer_id,
            payment.amount, payment.currency,
        )  # fmt: skip
        async with asyncio.timeout(CALL_LIMIT_S):
            earlier = await self._provider.lookup(request) if known else None
            return earlier or await ask(request)

    async def _hand_in(self, command: Command, cause: Envelope) -> Result:
        """Hand a command to the payment domain and wait for its commit."""
        spec = command.spec
        envelope = Envelope(
            id=f"{cause.id}-{spec.name}", source="/odori/payment/connector", type=spec.wire,
            topic=spec.topic, key=spec.key(command), payload=command.payload(),
            saga=spec.saga(command), subject=spec.subject(command), cause=cause.id,
            traceparent=next_hop(cause.traceparent), origin=cause.origin, body=command,
        )  # fmt: skip
        delivery = Delivery(envelope, Via.HTTP, operator=True)
        outcome = await self._worker.submit(delivery)
        if outcome.result not in (Result.DONE, Result.REFUSED):
            raise NotTaken(f"{spec.name}: {outcome.result} {outcome.error}".strip())
        return outcome.result


def _facts(reply: Reply) -> dict[str, Any]:
    return {"transaction_id": reply.transaction_id, "provider_response": reply.response}
