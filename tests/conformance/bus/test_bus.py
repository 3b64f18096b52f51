"""What every binding of the bus promises."""

import asyncio
from collections import defaultdict
from dataclasses import replace

from streams.bus import Bus, Subscription
from tests.conformance.bus.cases import (
    MEBIBYTE,
    PAGE,
    PATIENCE_SECONDS,
    Binding,
    envelopes,
    hear,
    ids,
    publish,
)

NAMES = [f"order-a-{number}" for number in range(1, 301)]


async def listen(binding: Binding, bus: Bus, subscriber: str = "inventory") -> Subscription:
    return await bus.subscribe(subscriber, [binding.topic])


async def test_a_message_arrives_with_all_its_attributes(binding: Binding) -> None:
    async with binding.open() as bus:
        subscription = await listen(binding, bus)
        [sent] = await publish(binding, bus, 1, 1)
        [arrival] = await hear(subscription, 1)
    assert arrival.envelope is not None
    assert replace(arrival.envelope, body=None, extra=None) == sent
    assert arrival.topic == binding.topic


async def test_messages_of_a_key_arrive_in_the_order_of_their_lane(binding: Binding) -> None:
    async with binding.open() as bus:
        subscription = await listen(binding, bus)
        for first in range(1, 301, 50):
            await publish(binding, bus, first, first + 49)
        heard = await hear(subscription, 300)
    by_key = defaultdict(list)
    for envelope in envelopes(heard):
        by_key[envelope.key].append(envelope.sequence)
    assert all(sequences == sorted(sequences) for sequences in by_key.values())
    assert ids(heard) == NAMES


async def test_every_subscriber_hears_everything_from_the_earliest(binding: Binding) -> None:
    async with binding.open() as bus:
        await publish(binding, bus, 1, 5)
        for subscriber in ("inventory", "payment"):
            heard = await hear(await listen(binding, bus, subscriber), 5)
            assert ids(heard) == NAMES[:5]


async def test_what_one_subscriber_handled_is_still_there_for_the_other(binding: Binding) -> None:
    async with binding.open() as bus:
        inventory = await listen(binding, bus, "inventory")
        payment = await listen(binding, bus, "payment")
        await publish(binding, bus, 1, 5)
        await binding.handle(inventory, await hear(inventory, 5))
        await binding.handle(payment, await hear(payment, 5))
    async with binding.open() as bus:
        await publish(binding, bus, 6, 6)
        assert ids(await hear(await listen(binding, bus, "payment"), 1)) == [NAMES[5]]
        assert ids(await hear(await listen(binding, bus, "shipping"), 6)) == NAMES[:6]


async def test_two_lanes_reach_one_subscriber(binding: Binding) -> None:
    async with binding.open() as bus:
        subscription = await listen(binding, bus)
        await publish(binding, bus, 1, 2)
        await publish(binding, bus, 1, 2, lane="order-b")
        heard = await hear(subscription, 4)
    assert ids(heard) == ["order-a-1", "order-a-2", "order-b-1", "order-b-2"]


async def test_a_poll_is_bounded_by_count(binding: Binding) -> None:
    async with binding.open() as bus:
        subscription = await listen(binding, bus)
        await publish(binding, bus, 1, 10)
        first = await subscription.poll(4, MEBIBYTE)
        assert 1 <= len(first) <= 4
        assert ids([*first, *await hear(subscription, 10 - len(first))]) == NAMES[:10]


async def test_a_poll_is_bounded_by_bytes_but_never_empty(binding: Binding) -> None:
    async with binding.open() as bus:
        subscription = await listen(binding, bus)
        await publish(binding, bus, 1, 3)
        polls = [await subscription.poll(PAGE, 1) for _ in range(3)]
    assert [len(poll) for poll in polls] == [1, 1, 1]
    assert ids([arrival for poll in polls for arrival in poll]) == NAMES[:3]


async def test_a_poll_waits_until_something_arrives(binding: Binding) -> None:
    async with binding.open() as bus:
        subscription = await listen(binding, bus)
        waiting = asyncio.create_task(subscription.poll(PAGE, MEBIBYTE))
        await publish(binding, bus, 1, 1)
        assert ids(await asyncio.wait_for(waiting, PATIENCE_SECONDS)) == NAMES[:1]


async def test_cancelled_polls_lose_nothing(binding: Binding) -> None:
    async with binding.open() as bus:
        subscription = await listen(binding, bus)
        heard = []
        for number in range(1, 31):
            waiting = asyncio.create_task(subscription.poll(PAGE, MEBIBYTE))
            await publish(binding, bus, number, number)
            waiting.cancel()
            await asyncio.wait([waiting])
            heard += [] if waiting.cancelled() else waiting.result()
        heard += await hear(subscription, 30 - len(heard))
    assert ids(heard) == NAMES[:30]


async def test_after_a_restart_what_is_done_is_not_delivered_again(binding: Binding) -> None:
    async with binding.open() as bus:
        subscription = await listen(binding, bus)
        await publish(binding, bus, 1, 10)
        await binding.handle(subscription, await hear(subscription, 10))
        await subscription.close()
    async with binding.open() as bus:
        subscription = await listen(binding, bus)
        await publish(binding, bus, 11, 12)
        assert ids(await hear(subscription, 2)) == NAMES[10:12]


async def test_after_a_restart_what_is_not_done_is_delivered_again(binding: Binding) -> None:
    async with binding.open() as bus:
        subscription = await listen(binding, bus)
        await publish(binding, bus, 1, 10)
        handled = await hear(subscription, 4)
        await binding.handle(subscription, handled)
        await hear(subscription, 6)
    async with binding.open() as bus:
        again = await hear(await listen(binding, bus), 6)
    assert ids([*handled, *again]) == NAMES[:10]


async def test_rewind_delivers_again_what_is_not_done(binding: Binding) -> None:
    async with binding.open() as bus:
        subscription = await listen(binding, bus)
        await publish(binding, bus, 1, 10)
        handled = await hear(subscription, 4)
        await binding.handle(subscription, handled)
        await hear(subscription, 3)
        subscription.rewind()
        assert ids([*handled, *await hear(subscription, 6)]) == NAMES[:10]


async def test_lag_counts_what_is_not_polled_yet_and_how_old_it_is(binding: Binding) -> None:
    async with binding.open() as bus:
        subscription = await listen(binding, bus)
        await publish(binding, bus, 1, 5)
        [lag] = await subscription.lag()
        assert (lag.topic, lag.messages) == (binding.topic, 5)
        assert 0 < lag.seconds < PATIENCE_SECONDS
        await binding.handle(subscription, await hear(subscription, 5))
        [lag] = await subscription.lag()
        assert (lag.messages, lag.seconds) == (0, 0.0)


async def test_tail_shows_the_last_messages_and_moves_nobody(binding: Binding) -> None:
    async with binding.open() as bus:
        await publish(binding, bus, 1, 10)
        assert {e.id for e in await bus.tail(binding.topic)} == set(NAMES[:10])
        last = await bus.tail(binding.topic, last=3)
        assert len(last) == 3
        assert {e.sequence for e in last} <= set(range(1, 11))
        assert len(await bus.tail(binding.topic, since_ms=0)) == 10
        assert len(await bus.tail(binding.topic, since_ms=0, limit=4)) == 4
        assert await bus.tail(binding.topic, since_ms=2**41) == []
        assert ids(await hear(await listen(binding, bus), 10)) == NAMES[:10]


async def test_closing_twice_does_no_harm(binding: Binding) -> None:
    async with binding.open() as bus:
        subscription = await listen(binding, bus)
        await subscription.close()
        await subscription.close()
        await bus.close()
