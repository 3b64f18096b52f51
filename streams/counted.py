"""What a batch did, counted for the metrics, and what went wrong in it, for the log."""

from collections import Counter
from collections.abc import Sequence

from infra.observe import observe
from streams.delivery import Delivery, Via
from streams.envelope import Envelope
from streams.handle import Handled
from streams.parked import line_of
from streams.trace import trace_id


def commands(domain: str, batch: Sequence[Delivery]) -> list[Envelope]:
    """The commands of a batch, from wherever: over HTTP they never see their topic."""
    topic = f"{domain}.commands"
    return [
        d.envelope
        for d in batch
        if d.envelope is not None
        and d.envelope.topic == topic
        and d.body is not None
        and (d.via is Via.BUS or d.via is Via.HTTP)
    ]


def observe_batch(
    domain: str, batch: Sequence[Delivery], handled: Handled, asked: Sequence[Envelope]
) -> None:
    """Count what a batch did; say aloud what went wrong."""
    if not handled.outcomes:
        return
    observe("batch", domain=domain)
    for result, count in Counter(o.result for o in handled.outcomes).items():
        observe("deliveries", count, domain=domain, result=result.value)
    for type_, count in Counter(e.type for e in asked).items():
        observe("commands", count, domain=domain, type=type_)
    for type_, count in Counter(e.type for e in handled.envelopes).items():
        observe("announced", count, domain=domain, type=type_)
    for delivery, outcome in zip(batch, handled.outcomes, strict=True):
        if outcome.error:
            trace = delivery.envelope.traceparent if delivery.envelope else ""
            why = {"result": outcome.result.value, "error": outcome.error}
            whose = {"saga": line_of(delivery)[0], "trace": trace_id(trace)}
            observe("delivery.failed", 1, domain=domain, **whose, **why)
