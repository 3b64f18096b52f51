"""What `<domain>.dlq` says of a dead delivery: the original, and why, in the usual headers."""

import traceback

from pydantic_core import to_json

from streams.delivery import Delivery
from streams.envelope import Envelope
from streams.parked import ERROR_MAX_CHARS, line_of


def announce(domain: str, delivery: Delivery, error: Exception, time: str) -> Envelope:
    """The dead letter's envelope, without its place in a lane."""
    envelope, arrival = delivery.envelope, delivery.arrival
    saga, source, id_ = line_of(delivery)
    raw = envelope.payload if envelope else (arrival.raw_value if arrival else None) or b""
    topic = envelope.topic if envelope else (arrival.topic if arrival else "")
    trace = "".join(traceback.format_exception(error))[-ERROR_MAX_CHARS:]
    facts = {
        "kafka_dlt-original-topic": topic,
        "kafka_dlt-original-partition": str(arrival.partition if arrival else 0),
        "kafka_dlt-original-offset": str(arrival.offset if arrival else 0),
        "kafka_dlt-original-consumer-group": domain,
        "kafka_dlt-exception-fqcn": f"{type(error).__module__}.{type(error).__qualname__}",
        "kafka_dlt-exception-message": str(error)[:ERROR_MAX_CHARS],
        "kafka_dlt-exception-stacktrace": trace,
    }
    body = {
        "saga": saga,
        "source": source,
        "id": id_,
        "type": envelope.type if envelope else None,
        "topic": topic,
        "reason": str(error),
        "exception": type(error).__name__,
        "value": raw.decode("utf-8", "backslashreplace"),
    }
    return Envelope(
        id="", source="", type=f"odori.{domain}.DeadLetter.v1", topic=f"{domain}.dlq", key=saga,
        payload=to_json(body), saga=saga, subject=saga, time=time, cause=id_,
        traceparent=envelope.traceparent if envelope else "",
        origin=envelope.origin if envelope else "",
        extra=[(name, value.encode("latin-1", "replace")) for name, value in facts.items()],
    )  # fmt: skip
