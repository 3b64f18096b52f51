"""Other clients write commands and other things: both CloudEvents modes are read, the rest told."""

import json
from typing import Any

import pytest
from confluent_kafka import Producer

from infra.bus.kafka.connection import Connection
from infra.bus.kafka.sender import Sender
from streams.bus import Arrival
from streams.kafka_bus import KafkaBus
from tests.kafka.records import new_topic

pytestmark = pytest.mark.service

ATTRIBUTES = {
    "specversion": "1.0",
    "id": "c-1",
    "source": "/kcat",
    "type": "odori.order.placeorder.v1",
    "subject": "order-1",
    "correlationid": "order-1",
}
BODY = {"orderId": "order-1"}
BINARY = [("content-type", b"application/json")] + [
    (f"ce_{name}", value.encode()) for name, value in ATTRIBUTES.items()
]
STRUCTURED = [("content-type", b"application/cloudevents+json; charset=utf-8")]
KEY = b"order-1"

UNREADABLE: list[tuple[str, bytes | None, list[tuple[str, Any]], str]] = [
    ("no header at all", b"{}", [], "missing CloudEvents attributes id, source, type"),
    ("empty headers", b"{}", [("content-type", None), ("ce_id", None)], "missing CloudEvents"),
    ("no id", b"{}", [h for h in BINARY if h[0] != "ce_id"], "missing CloudEvents attributes id"),
    ("a header that is no text", b"{}", [*BINARY, ("ce_subject", b"\xff")], "utf-8"),
    ("structured, no JSON", b"\x00\xff", STRUCTURED, "order.commands"),
    ("structured, no object", b"[1]", STRUCTURED, "is a JSON object"),
    ("structured, nothing", None, STRUCTURED, "order.commands"),
    ("structured, data no base64", b'{"data_base64": 7}', STRUCTURED, "order.commands"),
]


def write(address: str, topic: str, value: bytes | None, headers: list[tuple[str, Any]]) -> None:
    """As any other client would, librdkafka here."""
    producer = Producer({"bootstrap.servers": address})
    producer.produce(topic, key=KEY, value=value, headers=headers)
    assert producer.flush(30) == 0


async def arrivals(address: str, topic: str, count: int) -> list[Arrival]:
    bus = KafkaBus(address)
    subscription = await bus.subscribe("order", [topic])
    found: list[Arrival] = []
    while len(found) < count:
        found += await subscription.poll(count, 1 << 20)
    await bus.close()
    return found


@pytest.mark.parametrize(
    ("value", "headers"),
    [
        (json.dumps(BODY).encode(), BINARY),
        (json.dumps(ATTRIBUTES | {"data": BODY}).encode(), STRUCTURED),
        (
            json.dumps(ATTRIBUTES | {"data_base64": "eyJvcmRlcklkIjoib3JkZXItMSJ9"}).encode(),
            STRUCTURED,
        ),
    ],
    ids=["binary", "structured", "structured with base64"],
)
async def test_a_cloudevent_of_another_client_is_read(
    kafka: str, value: bytes, headers: list[tuple[str, Any]]
) -> None:
    topic = await new_topic(kafka)
    write(kafka, topic, value, headers)
    [arrival] = await arrivals(kafka, topic, 1)
    envelope = arrival.envelope
    assert envelope is not None
    assert (envelope.id, envelope.type) == ("c-1", "odori.order.placeorder.v1")
    assert (envelope.key, envelope.saga, envelope.subject) == ("order-1", "order-1", "order-1")
    assert json.loads(envelope.payload) == BODY


async def test_what_is_no_cloudevent_arrives_raw_with_the_reason(kafka: str) -> None:
    topic = await new_topic(kafka, partitions=1)
    for _, value, headers, _ in UNREADABLE:
        write(kafka, topic, value, headers)
    found = await arrivals(kafka, topic, len(UNREADABLE))
    for arrival, (case, value, headers, reason) in zip(found, UNREADABLE, strict=True):
        assert arrival.envelope is None, case
        assert reason.replace("order.commands", topic) in arrival.error, case
        assert (arrival.raw_key, arrival.raw_value) == (KEY, value), case
        assert arrival.raw_headers == [(name, header or b"") for name, header in headers], case


async def test_a_sequence_that_is_too_long_is_no_sequence(kafka: str) -> None:
    topic = await new_topic(kafka)
    write(kafka, topic, b"{}", [*BINARY, ("ce_sequence", b"9" * 5_000)])
    [arrival] = await arrivals(kafka, topic, 1)
    assert arrival.envelope is not None
    assert arrival.envelope.sequence == 0


async def test_a_key_goes_to_the_partition_that_java_clients_choose(kafka: str) -> None:
    topic, keys = await new_topic(kafka, partitions=7), [b"", b"a", b"order-17", b"\xff" * 33]
    java = Producer({"bootstrap.servers": kafka, "partitioner": "murmur2"})
    for key in keys:
        java.produce(topic, key=key, value=b"x", headers=[("from", b"java")])
    assert java.flush(30) == 0
    ours = Sender(Connection(kafka))
    assert await ours.send([(topic, key, b"x", []) for key in keys]) == len(keys)
    await ours.close()
    places = [(a.raw_key, a.partition) for a in await arrivals(kafka, topic, 2 * len(keys))]
    assert len(set(places)) == len(keys)
