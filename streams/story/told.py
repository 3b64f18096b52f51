"""A saga's story as it is told: what was done when, by whom, and what is still to come."""

from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True)
class Said:
    """One message of the saga."""

    id: str
    type: str
    topic: str
    at: str
    body: dict[str, Any]


@dataclass(frozen=True)
class Moment:
    """One thing that a domain did, or undid, or will never do.

    `took_ms` runs from the announcement of what was heard to the commit that answered it; `why` is
    what the failure says, where something was taken back.
    """

    at: str
    domain: str
    step: str
    state: str
    heard: str
    cause: str
    subject: str = ""
    took_ms: float | None = None
    why: str = ""
    said: tuple[Said, ...] = ()


@dataclass(frozen=True)
class Stuck:
    """A delivery of the saga that waits for its retry, or is dead."""

    domain: str
    type: str
    state: str
    attempts: int
    due: str | None
    reason: str


@dataclass
class Story:
    """All that is known of a saga, in time order.

    `state` is running, compensating, stuck, rejected, done or compensated; `waits_for` names the
    steps that have not answered yet.
    """

    saga: str
    state: str = "done"
    trace: str = ""
    began: str = ""
    ended: str | None = None
    moments: list[Moment] = field(default_factory=list)
    waits_for: list[str] = field(default_factory=list)
    parked: list[Stuck] = field(default_factory=list)

    def public(self) -> dict[str, Any]:
        """The story as JSON shows it."""
        return asdict(self)


def stamp(moment: datetime) -> str:
    """A time as messages carry it."""
    return moment.isoformat(timespec="milliseconds")
