"""Debezium's outbox router publishes what our relay leaves to it, and every saga ends."""

import asyncio
from collections import Counter
from contextlib import AsyncExitStack
from pathlib import Path
from random import Random
from typing import Any

import pytest
from confluent_kafka import Consumer, Message, Producer, TopicPartition

from infra.bus.kafka.sender import key_hash
from streams.envelope import Envelope
from streams.terminal import CANNOT
from streams.topology import discover
from streams.unheard import unheard
from tests.books.trading import home_at
from tests.debezium.connect import connected
from tests.e2e.books import check_once, check_the_books
from tests.e2e.process import PATIENCE_SECONDS, Odori, run
from tests.e2e.shop import FINAL, any_order, post, query, statuses, stock_up
from tests.postgres.test_parts import parts
from tests.stores import store_of

pytestmark = pytest.mark.service

DOMAINS = ("order", "inventory", "payment", "shipping")
PARTS = ("work order inventory", "work payment shipping", "intake", "dashboard")
#: Orders that came to an end before the kill, since the connector noted how far it was.
ENDED_COUNT = 15
#: Orders accepted while nobody publishes.
HELD_COUNT = 10
LAST_COUNT = 25
#: What one reading of Kafka waits for more.
READ_LIMIT_SECONDS = 1
#: What our relay says and the connector does not: `ce_dataschema` is made of the type.
LEFT_OUT = "ce_dataschema"


def outbox(data: Path) -> dict[str, Envelope]:
    """Everything that was announced, by its id."""
    columns = "lane, sequence, id, aggregatetype, aggregateid, type, payload, headers"
    rows = [row for domain in DOMAINS
            for row in query(data, domain, f'SELECT {columns} FROM "{domain}$outbox"')]  # fmt: skip
    return {envelope.id: envelope for envelope in map(Envelope.of_row, rows)}


def published(kafka: str) -> list[Message]:
    """Everything that lies on Kafka, as another client than ours reads it."""
    consumer = Consumer({"bootstrap.servers": kafka, "group.id": "reads"})
    names = consumer.list_topics(timeout=PATIENCE_SECONDS).topics.items()
    places = [TopicPartition(name, part, 0) for name, topic in names
              for part in topic.partitions if not name.startswith("__")]  # fmt: skip
    wanted = sum(consumer.get_watermark_offsets(place)[1] for place in places)
    consumer.assign(places)
    found: list[Message] = []
    while len(found) < wanted:
        found += consumer.consume(wanted - len(found), READ_LIMIT_SECONDS)
    consumer.close()
    return found


def ended(data: Path) -> int:
    return sum(status in FINAL for status in statuses(data).values())


async def ordering(intake: Odori, chance: Random) -> None:
    """One order after the other, until cancelled."""
    while True:
        await post(intake, "/api/orders", any_order(chance), {})


async def test_every_saga_ends_once_though_debezium_is_killed_in_the_midst(
    tmp_path: Path, data: Path, emptied: str
) -> None:
    chance = Random(5)
    async with AsyncExitStack() as stack:
        *_, intake, dashboard = await stack.enter_async_context(parts(data, emptied, *PARTS))
        connect = stack.enter_context(connected(tmp_path / "connect", store_of(data), emptied))
        stocking = asyncio.create_task(stock_up(intake))
        await dashboard.when(lambda: any("shipping" in e.topic for e in outbox(data).values()))
        assert await asyncio.to_thread(published, emptied) == []
        connect.start()
        await stocking
        buying = asyncio.create_task(ordering(intake, chance))
        await dashboard.when(lambda: connect.noted)
        enough = ended(data) + ENDED_COUNT
        await dashboard.when(lambda: ended(data) >= enough)
        connect.kill()
        buying.cancel()
        await asyncio.wait([buying])
        before = len(await asyncio.to_thread(published, emptied))
        for _ in range(HELD_COUNT):
            await post(intake, "/api/orders", any_order(chance), {})
        assert len(await asyncio.to_thread(published, emptied)) == before
        held = len(statuses(data)) - ended(data)
        assert held >= HELD_COUNT
        code, said, _ = await run("check", "--data", data)
        assert code == CANNOT, said
        waiting = [order for order, status in statuses(data).items() if status not in FINAL]
        with home_at(data).several() as several, several.snapshot():
            told = unheard(discover(), several, waiting)
        assert any("messages have not reached inventory" in line for line in told), told
        unreadable(emptied)
        connect.start()
        for _ in range(LAST_COUNT):
            await post(intake, "/api/orders", any_order(chance), {})
        await dashboard.when(lambda: ended(data) == len(statuses(data)))
        await dashboard.when(lambda: outbox(data).keys() <= {id_of(m) for m in published(emptied)})
        code, said, errors = await run("check", "--wait", 30, "--data", data)
        assert code == 0, said + errors
    ends = Counter(statuses(data).values())
    found = published(emptied)
    print(f"{dict(ends)}, {held} of them waited for the second start;", end=" ")
    print(f"{len(outbox(data))} messages, {len(found) - len(outbox(data)) - 1} published twice")
    assert ends["CONFIRMED"] >= 20
    assert ends["CANCELLED"] >= 5
    check_the_books(data)
    check_once(data, statuses(data))
    check_what_was_published(outbox(data), found)


def unreadable(kafka: str) -> None:
    """A command that nobody knows: it is dead, and its letter is an announcement as well."""
    producer = Producer({"bootstrap.servers": kafka})
    headers: Any = [(f"ce_{name}", b"x") for name in ("id", "source", "type", "specversion")]
    producer.produce("payment.commands", b"{}", b"ann", headers=headers)
    assert producer.flush(PATIENCE_SECONDS) == 0


def headers_of(message: Message) -> dict[str, bytes]:
    headers: Any = message.headers()
    return dict(headers)


def id_of(message: Message) -> str:
    return headers_of(message)["ce_id"].decode()


def check_what_was_published(announced: dict[str, Envelope], found: list[Message]) -> None:
    """All that was announced, by the router and by nobody else, as our relay says it."""
    ours = [m for m in found if id_of(m) != "x"]
    assert len(ours) == len(found) - 1
    assert {id_of(m) for m in ours} == announced.keys()
    assert {e.topic.partition(".")[2] for e in announced.values()} == {"events", "failures", "dlq"}
    for message in ours:
        envelope, headers = announced[id_of(message)], headers_of(message)
        assert (message.topic(), message.key()) == (envelope.topic, envelope.key.encode())
        assert message.partition() == key_hash(envelope.key.encode()) % 4
        assert message.value() == envelope.payload
        assert headers.pop("id") == headers["ce_id"]  # the router's own
        expected = dict(envelope.headers())
        del expected[LEFT_OUT]
        assert int(headers.pop("ce_sequence")) == int(expected.pop("ce_sequence"))
        assert headers == expected
