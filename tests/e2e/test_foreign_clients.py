"""Another client's commands dance like ours; what cannot be read is dead, told, and passed."""

import json
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer

from tests.e2e.books import announced
from tests.e2e.process import PATIENCE_SECONDS, up
from tests.e2e.shop import order, query, statuses, stock_up
from tests.e2e.wire import records

pytestmark = pytest.mark.service

TOPIC = "order.commands"
PLACE = "odori.order.PlaceOrder.v1"
STRUCTURED = [("content-type", b"application/cloudevents+json; charset=utf-8")]
Headers = list[tuple[str, Any]]


def attributes(order_id: str, **changes: str) -> dict[str, str]:
    known = {"specversion": "1.0", "id": f"c-{order_id}", "source": "/kcat", "type": PLACE}
    return {name: value for name, value in (known | changes).items() if value}


def binary(order_id: str, **changes: str) -> Headers:
    named = [
        (f"ce_{name}", value.encode()) for name, value in attributes(order_id, **changes).items()
    ]
    return [("content-type", b"application/json"), *named]


def body(order_id: str, **changes: Any) -> bytes:
    return json.dumps(order(order_id, **changes)).encode()


def structured(order_id: str) -> bytes:
    return json.dumps(attributes(order_id) | {"data": order(order_id)}).encode()


#: case -> (value, headers, what the reason says)
BAD: dict[str, tuple[bytes | None, Headers, str]] = {
    "bytes that are no text": (b"\xff\x00\xfe", binary("B-1"), "PlaceOrder"),
    "a header that is no text": (body("B-2"), [*binary("B-2"), ("ce_subject", b"\xff")], "utf-8"),
    "no attributes": (body("B-3"), [], "missing CloudEvents attributes"),
    "no id": (body("B-4"), binary("B-4", id=""), "missing CloudEvents attributes id"),
    "unknown type": (body("B-5"), binary("B-5", type="odori.order.Dance.v1"), "Dance"),
    "unknown version": (body("B-6"), binary("B-6", type="odori.order.PlaceOrder.v9"), "v9"),
    "foreign type": (body("B-7"), binary("B-7", type="com.example.order"), "com.example.order"),
    "invalid body": (body("B-8", customerId=""), binary("B-8"), "customerId"),
    "no body": (None, binary("B-9"), "PlaceOrder"),
    "structured, no JSON": (b"{", STRUCTURED, "order.commands"),
    "another saga's header": (body("B-10"), binary("B-10", correlationid="X"), "contradicts"),
    "the operator's own": (
        body("B-11", currency="USD", items=[{"productId": "tea", "quantity": 1, "unitPrice": "1"}]),
        binary("B-11", type="odori.order.PlacePricedOrder.v1"), "operator"),
}  # fmt: skip


def write(producer: Any, value: bytes | None, headers: Headers) -> None:
    """All with one key: one partition must go on."""
    producer.produce(TOPIC, key=b"ann", value=value, headers=headers)


async def test_others_commands_dance_and_what_is_unreadable_is_dead_and_told(
    tmp_path: Path, emptied: str
) -> None:
    async with up(tmp_path, kafka=emptied) as odori:
        await stock_up(odori)
        producer = Producer({"bootstrap.servers": emptied, "linger.ms": 0})
        write(producer, body("binary"), binary("binary"))
        for value, headers, _ in BAD.values():
            write(producer, value, headers)
        write(producer, structured("structured"), STRUCTURED)
        write(producer, structured("structured"), STRUCTURED)  # librdkafka may repeat, too
        assert producer.flush(PATIENCE_SECONDS) == 0
        good = dict.fromkeys(("binary", "structured"), "CONFIRMED")
        await odori.when(lambda: statuses(tmp_path) == good)
        letters = list(islice(records(emptied, "order.dlq"), len(BAD)))
        await odori.stop()
    check_the_dead(tmp_path, letters)
    assert [announced(tmp_path)[name]["OrderPlaced"] for name in good] == [1, 1]


def check_the_dead(data: Path, letters: list[tuple[dict[str, str], bytes]]) -> None:
    """Every bad record is parked dead as it came, and announced with the usual headers."""
    parked = query(data, "order", 'SELECT offset, reason, state, raw_value FROM "order$parked"')
    by_offset = {offset: (reason, state, raw) for offset, reason, state, raw in parked}
    told = {int(headers["kafka_dlt-original-offset"]): headers for headers, _ in letters}
    assert len(by_offset) == len(told) == len(BAD)
    for offset, (case, (value, _, expected)) in enumerate(BAD.items(), start=1):
        reason, state, raw = by_offset[offset]
        headers = told[offset]
        assert state == "dead", case
        assert expected in reason, (case, reason)
        assert (raw or b"") == (value or b""), case
        assert headers["kafka_dlt-original-topic"] == TOPIC, case
        assert headers["kafka_dlt-exception-message"] == reason, case
        assert headers["kafka_dlt-exception-fqcn"].startswith("s"), case
        assert headers["ce_type"] == "odori.order.DeadLetter.v1", case
