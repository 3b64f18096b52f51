"""Parked deliveries: what waits for its retry, what queues behind it, and what is dead."""

import json
import traceback
from datetime import timedelta

from schemas.message import Failure, Timer
from streams.delivery import Delivery, Via
from streams.rows import Parked, ParkedHead
from streams.workspace import Workspace

WAITING, DEAD = "waiting", "dead"
#: Attempts before a delivery is dead; with the waits below that is about ten minutes.
ATTEMPTS_MAX_COUNT = 8
#: The first wait; every further one doubles.
BACKOFF_FIRST_MS = 500
#: The longest wait; an undo, which is retried without end, comes back this often.
BACKOFF_MAX_MS = 300_000
#: Put-backs of one delivery before a person must say that they mean it.
REPLAYS_MAX_COUNT = 5
#: Characters of error text and traceback that are kept.
ERROR_MAX_CHARS = 4_000


class RetryParked(Timer, wire="odori.odori.RetryParked.v1", saga="line"):
    """The head of a saga's line is due."""

    line: str


def line_of(delivery: Delivery) -> tuple[str, str, str]:
    """(saga, source, id) that name a delivery; topic, partition and offset where it has no id.
    What is replayed keeps the name that it was parked under, whatever it reads as today."""
    envelope, arrival, row = delivery.envelope, delivery.arrival, delivery.parked
    if row is not None:
        return row.saga, row.source, row.id
    if envelope is not None:
        return delivery.saga or envelope.saga or envelope.id, envelope.source, envelope.id
    assert arrival is not None, "an unreadable delivery came from the bus"
    place = f"{arrival.topic}-{arrival.partition}-{arrival.offset}"
    return place, place, ""


def park(
    ws: Workspace, delivery: Delivery, error: Exception, *, final: bool, endless: bool
) -> bool:
    """Put a failed delivery in its saga's line, to be retried; returns whether it is dead.

    What a retry cannot mend (`final`: a bug, an invalid message) is dead at once; an undo
    (`endless`) is retried for ever.
    """
    row = delivery.parked
    saga = line_of(delivery)[0]
    attempts = (row.attempts if row else 0) + 1
    dead = final or (not endless and attempts >= ATTEMPTS_MAX_COUNT)
    due = None if dead else ws.now + timedelta(milliseconds=backoff_ms(attempts))
    text = clean(f"{error}") or type(error).__name__
    facts: dict[str, object] = {
        "state": DEAD if dead else WAITING,
        "due": due,
        "attempts": attempts,
        "reason": text[:ERROR_MAX_CHARS],
        "exception": type(error).__name__,
        "error": clean("".join(traceback.format_exception(error)))[-ERROR_MAX_CHARS:],
    }
    if row is not None:
        ws.put(row.but(**facts))
        if dead:
            leave(ws, saga, row.number)
    else:
        ws.put(_row(ws, delivery, join(ws, saga) if not dead else 0, facts))
    if due is not None:
        ws.remind(RetryParked(line=saga), due)
    return dead


def known(ws: Workspace, delivery: Delivery) -> bool:
    """Whether this very delivery, coming once more, is parked already: parking twice is a no-op."""
    return delivery.parked is None and ws.get(Parked, *line_of(delivery)) is not None


def clean(text: str) -> str:
    """Text that every store takes."""
    return text.encode("utf-8", "replace").decode().replace("\0", "\ufffd")


def queue(ws: Workspace, delivery: Delivery) -> None:
    """Put a delivery behind those of its saga that wait already."""
    saga = line_of(delivery)[0]
    if not known(ws, delivery):
        facts: dict[str, object] = {
            "state": WAITING,
            "due": None,
            "attempts": 0,
            "exception": None,
            "error": "",
            "reason": "waits behind an earlier delivery of its saga",
        }
        ws.put(_row(ws, delivery, join(ws, saga), facts))


def join(ws: Workspace, saga: str) -> int:
    """The next number in a saga's line."""
    head = ws.get(ParkedHead, saga)
    number = head.last + 1 if head else 1
    ws.put(ParkedHead(saga=saga, first=head.first if head else number, last=number))
    return number


def leave(ws: Workspace, saga: str, number: int) -> None:
    """Take a number out of the line; the last one to leave deletes the head row."""
    head = ws.get(ParkedHead, saga)
    if head is None:
        return
    if number >= head.last:
        ws.delete(head)
    else:
        ws.put(head.but(first=max(head.first, number + 1)))


def waiting(ws: Workspace, saga: str) -> list[Parked]:
    """The line of a saga, in order."""
    rows = [row for row in ws.scan(Parked, saga) if row.state == WAITING]
    return sorted(rows, key=lambda row: row.number)


def backoff_ms(attempts: int) -> int:
    """Milliseconds to wait after this many attempts."""
    return min(BACKOFF_FIRST_MS << min(attempts - 1, 20), BACKOFF_MAX_MS)


def queues(delivery: Delivery, *, all_queue: bool) -> bool:
    """Whether this delivery waits behind parked ones: failures, HTTP and `queues=False` do not."""
    return (
        all_queue
        and delivery.via in (Via.BUS, Via.TIMER)
        and not isinstance(delivery.body, Failure | RetryParked)
    )


def _row(ws: Workspace, delivery: Delivery, number: int, facts: dict[str, object]) -> Parked:
    saga, source, id_ = line_of(delivery)
    envelope, arrival = delivery.envelope, delivery.arrival
    if envelope is not None:
        key, value = envelope.key.encode(), envelope.payload
        headers = envelope.headers()
    else:
        assert arrival is not None
        key, value, headers = arrival.raw_key, arrival.raw_value, arrival.raw_headers  # type: ignore[assignment]
    return Parked.model_validate(
        {
            "saga": saga,
            "source": source,
            "id": id_,
            "number": number,
            "replays": 0,
            "type": envelope.type if envelope else "",
            "topic": envelope.topic if envelope else (arrival.topic if arrival else ""),
            "partition": arrival.partition if arrival else 0,
            "offset": arrival.offset if arrival else (envelope.sequence if envelope else 0),
            "raw_key": key,
            "raw_value": value,
            "raw_headers": json.dumps([[n, v.decode("latin-1")] for n, v in headers]).encode(),
            "trace": envelope.traceparent if envelope else None,
            "at": ws.now,
            **facts,
        },
        by_name=True,
    )
