"""What lies on Kafka, read by another client than ours (librdkafka)."""

from collections.abc import Iterator

from confluent_kafka import Consumer

from tests.e2e.process import PATIENCE_SECONDS


def records(address: str, topics: str) -> Iterator[tuple[dict[str, str], bytes]]:
    """(headers, value) of every record on these topics (a pattern), from the first on."""
    consumer = Consumer({"bootstrap.servers": address, "group.id": f"reads {topics}",
                         "auto.offset.reset": "earliest", "enable.auto.commit": False})  # fmt: skip
    consumer.subscribe([topics])
    try:
        while True:
            [record] = consumer.consume(1, PATIENCE_SECONDS)
            headers = dict(record.headers() or [])
            text = {
                str(name): (value if isinstance(value, str) else (value or b"").decode())
                for name, value in headers.items()
            }
            yield text, record.value() or b""
    finally:
        consumer.close()
