"""One message on its way: CloudEvents attributes around a body, and its two written forms."""

import base64
from dataclasses import dataclass
from typing import Any, Self

from pydantic_core import from_json, to_json

from infra.engine.table import Value
from schemas.catalogue import Catalogue, SchemaError
from schemas.message import Message
from streams.trace import taken_over

#: Headers as every bus binding carries them.
Headers = list[tuple[str, bytes]]

SPECVERSION = "1.0"
CONTENT_TYPE = "application/json"
_STRUCTURED = "application/cloudevents"
_REQUIRED = ("id", "source", "type", "specversion")
#: The header by which the operator's own tools are known on the bus (streams/operator.py).
OPERATOR_MARK = "odori_operator"
#: The headers that are read; the others repeat what the record or the type says anyway.
_READ = frozenset(
    {
        "content-type", "traceparent", "ce_specversion", "ce_id", "ce_source", "ce_type", "ce_time",
        "ce_subject", "ce_correlationid", "ce_causationid", "ce_sequence", "ce_traceparent",
        OPERATOR_MARK,
    }
)  # fmt: skip
#: Digits of `sequence`: zero-padded so that it sorts as text (CloudEvents sequence extension).
SEQUENCE_DIGITS = 12
#: Longer numbers of others are no sequence: they do not fit a BIGINT.
SEQUENCE_LIMIT_DIGITS = 18


class NotCloudEvent(SchemaError):
    """The record lacks a required CloudEvents attribute, or is no readable JSON."""


@dataclass(slots=True)
class Envelope:
    """A message with its attributes. `body` is None until somebody needs it decoded."""

    id: str
    source: str
    type: str
    topic: str
    key: str
    payload: bytes
    saga: str
    subject: str = ""
    time: str = ""
    cause: str = ""
    sequence: int = 0
    traceparent: str = ""
    origin: str = ""
    body: Message | None = None
    extra: Headers | None = None

    def decoded(self, catalogue: Catalogue) -> Message:
        """The body as a message; raises SchemaError."""
        if self.body is None:
            self.body = catalogue.decode(self.type, self.payload)
        return self.body

    # the outbox row

    def row(self, lane: str) -> tuple[Value, ...]:
        """The record values of streams.rows.outbox_table."""
        return (
            lane, self.sequence, self.id, self.topic, self.key, self.type,
            self.payload.decode(), to_json(self._attributes()).decode(),
        )  # fmt: skip

    def _attributes(self) -> dict[str, str]:
        attributes = {
            "source": self.source,
            "time": self.time,
            "subject": self.subject,
            "saga": self.saga,
            "cause": self.cause,
            "traceparent": self.traceparent,
            "origin": self.origin,
        }
        if self.extra:
            attributes |= {name: value.decode("latin-1") for name, value in self.extra}
        return attributes

    @classmethod
    def of_row(cls, values: tuple[Value, ...]) -> Self:
        """The envelope of an outbox row."""
        _, sequence, id_, topic, key, type_, payload, headers = values
        known = from_json(str(headers))
        names = ("source", "time", "subject", "saga", "cause", "traceparent", "origin")
        return cls(
            id=str(id_), type=str(type_), topic=str(topic), key=str(key),
            payload=str(payload).encode(), sequence=int(sequence or 0),
            extra=[(n, v.encode("latin-1")) for n, v in known.items() if n not in names] or None,
            **{name: known[name] for name in names},
        )  # fmt: skip

    # Kafka, CloudEvents binary mode

    def headers(self) -> Headers:
        """The Kafka headers in CloudEvents binary mode; `traceparent` is the hop, `ce_traceparent`
        the start of the transmission."""
        headers = [
            ("content-type", b"application/json"),
            ("ce_specversion", b"1.0"),
            ("ce_id", self.id.encode()),
            ("ce_source", self.source.encode()),
            ("ce_type", self.type.encode()),
            ("ce_time", self.time.encode()),
            ("ce_subject", self.subject.encode()),
            ("ce_correlationid", self.saga.encode()),
            ("ce_causationid", self.cause.encode()),
            ("ce_partitionkey", self.key.encode()),
            ("ce_sequence", f"{self.sequence:0{SEQUENCE_DIGITS}d}".encode()),
            ("ce_dataschema", f"/schemas/{self.type}".encode()),
            ("ce_traceparent", self.origin.encode()),
            ("traceparent", self.traceparent.encode()),
        ]
        return headers + self.extra if self.extra else headers

    @classmethod
    def of_record(
        cls, topic: str, key: bytes | None, value: bytes | None, headers: Headers
    ) -> Self:
        """The envelope of a Kafka record, binary or structured; raises NotCloudEvent."""
        try:
            found = {n: v.decode() for n, v in headers if v and n in _READ}
            payload = value or b""
            if found.get("content-type", "").lower().startswith(_STRUCTURED):
                attributes, payload = _structured(value)
                found = attributes | {"traceparent": found.get("traceparent", "")}
        except (ValueError, TypeError) as error:
            raise NotCloudEvent(f"{topic}: {error}") from None
        if any("\0" in text for text in found.values()):
            raise NotCloudEvent(f"{topic}: a CloudEvents attribute contains U+0000")
        lacking = [name for name in _REQUIRED if not found.get(f"ce_{name}")]
        if lacking:
            raise NotCloudEvent(f"{topic}: missing CloudEvents attributes {', '.join(lacking)}")
        hop = found.get("traceparent") or found.get("ce_traceparent") or taken_over(None)
        start, mark = found.get("ce_traceparent", hop), found.get(OPERATOR_MARK)
        return cls(
            id=found["ce_id"], source=found["ce_source"], type=found["ce_type"],
            topic=topic, key=(key or b"").decode("utf-8", "replace"), payload=payload,
            saga=found.get("ce_correlationid", ""), subject=found.get("ce_subject", ""),
            time=found.get("ce_time", ""), cause=found.get("ce_causationid", ""),
            sequence=_number(found.get("ce_sequence", "")), traceparent=hop, origin=start,
            extra=[(OPERATOR_MARK, mark.encode())] if mark else None,
        )  # fmt: skip


def _structured(value: bytes | None) -> tuple[dict[str, str], bytes]:
    event: Any = from_json(value or b"")
    if not isinstance(event, dict):
        raise ValueError("a structured CloudEvent is a JSON object")
    if "data_base64" in event:
        payload = base64.b64decode(event.pop("data_base64"), validate=True)
    else:
        payload = to_json(event.pop("data", None))
    return {f"ce_{name}": str(attribute) for name, attribute in event.items()}, payload


def _number(sequence: str) -> int:
    fits = sequence.isdecimal() and len(sequence) <= SEQUENCE_LIMIT_DIGITS
    return int(sequence) if fits else 0
