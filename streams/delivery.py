"""One delivery on its way through handle, and what became of it."""

from dataclasses import dataclass, field
from enum import StrEnum

from compensations.ledger import Entry
from domains.row import RowKey
from schemas.message import Message
from streams.bus import Arrival
from streams.envelope import Envelope
from streams.rows import Idempotent, Parked


class Result(StrEnum):
    """What became of a delivery."""

    DONE = "done"
    REFUSED = "refused"
    REPEAT = "repeat"
    CLASH = "clash"
    IGNORED = "ignored"
    PARKED = "parked"
    DEAD = "dead"
    FAILED = "failed"


class Via(StrEnum):
    """How a delivery came; what came over HTTP is answered and never parked."""

    BUS = "bus"
    HTTP = "http"
    TIMER = "timer"
    REPLAY = "replay"


@dataclass(slots=True)
class Outcome:
    """The result of one delivery; `earlier` is the ledger row of a repeat or clash."""

    result: Result
    announced: list[Message] = field(default_factory=list)
    earlier: Entry | None = None
    error: str = ""
    stored: Idempotent | None = None


@dataclass(slots=True)
class Delivery:
    """One thing to handle. `envelope` is None when the arrival could not be read.

    `timer` is the key of the timer row that fired, `parked` the row being replayed and
    `idempotency` the (client, key, digest) of an HTTP request that carried an Idempotency-Key.
    """

    envelope: Envelope | None
    via: Via = Via.BUS
    arrival: Arrival | None = None
    timer: RowKey | None = None
    parked: Parked | None = None
    idempotency: tuple[str, str, str] | None = None
    operator: bool = False
    error: Exception | None = None
    body: Message | None = None
    saga: str = ""
