"""One run of `odori publish`: open the shop, send the orders, wait for their ends, sum up."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from infra.settings import Settings
from schemas.inventory import ListProduct
from schemas.message import Command
from schemas.order import PlaceOrder, PlacePricedOrder
from streams.folder import operator_key
from streams.home import Home
from streams.http_client import HttpClient
from streams.publishing.ends import REJECTED, End, Ends, StoreEnds
from streams.publishing.errors import NotOpened
from streams.publishing.follow import Follower
from streams.publishing.over_bus import LaneSender
from streams.publishing.pace import Pace
from streams.publishing.senders import Sender, Sent
from streams.publishing.summary import summary
from streams.readers import readers
from streams.topology import Topology, discover

#: How long the shop may take to open: every product known to order.
OPENING_LIMIT_S = 60.0
#: How often to look whether it is open.
OPENING_LOOK_S = 0.05


#: Orders named when they do not end.
SHOWN_MAX_COUNT = 10

Order = PlaceOrder | PlacePricedOrder


@dataclass(frozen=True)
class Job:
    """What to publish, and how. `url` is None where nothing runs; `local` says that the data
    folder is the one that the orders end in."""

    settings: Settings
    home: Home
    url: str | None
    local: bool
    via: str
    orders: Iterable[Order]
    opening: Sequence[Command] = ()
    rate: float | None = None
    patience_s: float = 120.0
    sent: Callable[[int], None] = lambda count: None
    ended: Callable[[End], None] = lambda end: None
    unreadable: list[str] = field(default_factory=list)


async def publish(job: Job) -> dict[str, Any]:
    """Run the job; the summary, or only how many orders wait where nothing runs to handle them."""
    topology, began_ms = discover(), time.time() * 1000
    async with AsyncExitStack() as stack:
        sender = await stack.enter_async_context(_sender(job, topology))
        if job.url is None:
            return await _leave(job, sender, topology)
        ends = await stack.enter_async_context(_ends(job, topology))
        if job.opening:
            await _open(job, sender, ends)
        follower, began = Follower(ends, job.ended), time.monotonic()
        result, refused = await _send_and_follow(job, sender, follower)
        seconds = time.monotonic() - began
    existed = result.repeated | {e.order_id for e in follower.ends if e.accepted_ms < began_ms}
    told = summary(
        [*follower.ends, *refused], existed=existed, sent=len(result.accepted) + len(refused),
        unreadable=job.unreadable, seconds=seconds,
    )  # fmt: skip
    return told | {"waitingFor": follower.waiting[:SHOWN_MAX_COUNT]}


async def _leave(job: Job, sender: Sender, topology: Topology) -> dict[str, Any]:
    """Write the orders for whoever starts next; nobody is there to wait for."""
    if job.opening:
        async with readers(job.home, topology) as stores:
            missing = await StoreEnds(stores, topology).unlisted(_products(job.opening))
        if missing:
            raise NotOpened(
                "the shop must be open before orders come, and nothing runs to open it; start it"
                f" with: odori up{job.home.option}"
            )
    result = await sender.send(job.orders, lambda commands: job.sent(len(commands)))
    place = f"Kafka at {job.settings.kafka}" if job.settings.kafka else job.home.name
    return {"left": len(result.accepted), "in": place, "unreadable": job.unreadable}


@asynccontextmanager
async def _sender(job: Job, topology: Topology) -> AsyncIterator[Sender]:
    pace, data = Pace(job.rate), job.settings.data
    sender: Sender
    if job.via == "http":
        assert job.url is not None, "over HTTP there is an address"
        from streams.publishing.over_http import HttpSender

        key = operator_key(data) if (data / "operator.key").exists() else ""
        async with HttpClient(job.url) as client:
            yield HttpSender(client, key, pace)
        return
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    if job.settings.kafka:
        from streams.publishing.over_kafka import KafkaSender

        sender = KafkaSender(job.settings, operator_key(data), pace)
    else:
        sender = LaneSender(job.home, topology, operator_key(data), pace)
    try:
        yield sender
    finally:
        await sender.close()


@asynccontextmanager
async def _ends(job: Job, topology: Topology) -> AsyncIterator[Ends]:
    if job.local:
        async with readers(job.home, topology) as stores:
            yield StoreEnds(stores, topology)
        return
    assert job.url is not None, "what is not local has an address"
    from streams.publishing.ends_over_http import HttpEnds

    async with HttpClient(job.url) as client:
        yield HttpEnds(client)


async def _open(job: Job, sender: Sender, ends: Ends) -> None:
    """Send what must be there first, and wait until order knows every product. What was opened
    before stays as it is."""
    opening = await ends.undone(job.opening)
    result = await sender.send(opening, lambda commands: None)
    products = _products(job.opening)
    async with asyncio.timeout(OPENING_LIMIT_S):
        while await ends.unlisted(products):
            if len(result.refused) == len(opening) > 0:
                raise NotOpened(f"the shop could not be opened: {result.refused[0][1]}")
            await asyncio.sleep(OPENING_LOOK_S)


def _products(opening: Sequence[Command]) -> list[str]:
    return [command.product_id for command in opening if isinstance(command, ListProduct)]


async def _send_and_follow(
    job: Job, sender: Sender, follower: Follower
) -> tuple[Sent[Order], list[End]]:
    """What became of sending, and the ends of the orders that were not taken."""

    def sent(commands: Sequence[Order]) -> None:
        for command in commands:
            follower.add((command.order_id, command.customer_id))
        job.sent(len(commands))

    async with asyncio.TaskGroup() as group:
        following = group.create_task(follower.run(job.patience_s))
        try:
            result = await sender.send(job.orders, sent)
        except BaseException:
            following.cancel()
            raise
        refused = [End(command.order_id, REJECTED, why) for command, why in result.refused]
        for end in refused:
            job.sent(1)
            job.ended(end)
        follower.complete()
    return result, refused
