"""Commands as they come in: over HTTP, and over the bus from any client."""

from collections.abc import Iterator

from schemas.message import Command
from streams.delivery import Delivery, Via
from streams.envelope import Envelope

#: Where the ids of requests come from.
Ids = Iterator[int]
TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def envelope_of(command: Command, ids: Ids) -> Envelope:
    """A command of a client outside."""
    spec = command.spec
    return Envelope(
        id=f"request-{next(ids)}", source="/client", type=spec.wire, topic=spec.topic,
        key=spec.key(command), payload=command.payload(), saga=spec.saga(command),
        subject=spec.subject(command), traceparent=TRACE, origin=TRACE,
    )  # fmt: skip


def delivery_of(command: Command, ids: Ids, key: str | None = None) -> Delivery:
    """The same as intake hands it in; `key` is its Idempotency-Key."""
    envelope = envelope_of(command, ids)
    held = None if key is None else ("client", key, command.digest())
    return Delivery(
        envelope, Via.HTTP, idempotency=held, operator=True, body=command, saga=envelope.saga
    )
