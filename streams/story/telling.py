"""A saga's story, made of what was gathered about it."""

from collections.abc import Iterable
from datetime import datetime

from pydantic_core import from_json

from compensations.ledger import Entry, State
from schemas.message import Failure, Message
from streams.envelope import Envelope
from streams.story.reading import Gathered
from streams.story.told import Moment, Said, Story, stamp


class Teller:
    """Puts what was gathered in order, and says what it comes to."""

    def __init__(self, gathered: Gathered) -> None:
        self.saga = gathered.saga
        self.topology = gathered.topology
        self.entries = gathered.entries
        self.parked = gathered.parked
        self.messages = gathered.messages

    def tell(self) -> Story:
        """The story."""
        moments = [m for domain, entry in self.entries for m in self._moments(domain, entry)]
        moments.sort(key=lambda m: (m.at, m.state != "forbidden", len(m.cause)))
        waits = sorted(set(self._waits_for()))
        ordered = sorted(self.messages.values(), key=lambda e: (e.time, e.sequence))
        told = Story(self.saga, self._state(waits), moments=moments, parked=self.parked)
        told.waits_for = waits
        if ordered:
            told.trace = next((e.traceparent[3:35] for e in ordered if e.traceparent), "")
        if moments:
            told.began = moments[0].at
            told.ended = None if told.state in ("running", "compensating") else _end(moments)
        return told

    def _moments(self, domain: str, entry: Entry) -> Iterable[Moment]:
        step = self.topology.parts[domain].domain.steps.get(entry.step)
        state = State.DONE if entry.state == State.UNDONE else entry.state
        yield self._moment(
            domain, entry, entry.step, state, entry.at, entry.cause, entry.heard_type,
            step.announces if step else (),
        )  # fmt: skip
        if entry.undone_at is not None and step is not None and step.undo is not None:
            undo = step.undo
            yield self._moment(
                domain, entry, f"{undo.name} ({entry.step})", State.UNDONE, entry.undone_at,
                entry.undone_by or "", "", undo.announces,
            )  # fmt: skip

    def _moment(
        self,
        domain: str,
        entry: Entry,
        step: str,
        state: str,
        at: datetime,
        cause: str,
        known: str,
        announces: tuple[type[Message], ...],
    ) -> Moment:
        """`known` is the type that was heard as far as the ledger tells, once the message is gone;
        of a failure that undid something it keeps only the id."""
        heard = self.messages.get(cause)
        types = {message.spec.wire for message in announces}
        said = tuple(
            _said(e)
            for e in self.messages.values()
            if e.cause == cause and e.type in types and e.time == stamp(at)
        )
        taken_back = state in (State.UNDONE, State.FORBIDDEN)
        return Moment(
            at=stamp(at), domain=domain, step=step, state=str(state),
            heard=heard.type if heard else known, cause=cause, subject=entry.subject,
            took_ms=_took_ms(heard, at), why=_why(heard) if heard and taken_back else "", said=said,
        )  # fmt: skip

    def _waits_for(self) -> Iterable[str]:
        """Steps that hear a message of this saga and have no ledger row for it yet."""
        known = {(domain, e.step, e.subject): e.state for domain, e in self.entries}
        for envelope in self._own():
            body = envelope.decoded(self.topology.catalogue)
            for part, step, undone in self.topology.hearers(type(body)):
                subject = step.subject(body) if step.subject else ""
                state = known.get((part.name, step.name, subject))
                if state is None or (undone and state == State.DONE):
                    yield f"{part.name}.{step.undo.name if undone and step.undo else step.name}"

    def _own(self) -> list[Envelope]:
        """The messages of this saga; what those of another one lead to is that one's story."""
        return [e for e in self.messages.values() if e.saga == self.saga]

    def _state(self, waits: list[str]) -> str:
        failed = self._failed()
        if self.parked:
            return "stuck"
        if waits:
            return "compensating" if failed else "running"
        if failed:
            return "compensated"
        return "rejected" if all(e.state == State.REFUSED for _, e in self.entries) else "done"

    def _failed(self) -> bool:
        """Whether a failure ended it; the ledger still knows when its message is pruned."""
        taken_back = (State.UNDONE, State.FORBIDDEN)
        return any(e.saga == self.saga and e.state in taken_back for _, e in self.entries) or any(
            isinstance(e.decoded(self.topology.catalogue), Failure) for e in self._own()
        )


def _end(moments: list[Moment]) -> str:
    """When the last thing was done. A command that was refused does nothing, unless nothing else
    ever was: then the first refusal is all there is."""
    kinds = [{said.topic.rpartition(".")[2] for said in moment.said} for moment in moments]
    done = [
        moment
        for moment, said in zip(moments, kinds, strict=True)
        if moment.state != State.REFUSED or Failure.kind in said
    ]
    return done[-1].at if done else moments[0].at


def _said(envelope: Envelope) -> Said:
    body = from_json(envelope.payload)
    return Said(envelope.id, envelope.type, envelope.topic, envelope.time, body)


def _took_ms(heard: Envelope | None, at: datetime) -> float | None:
    if heard is None or not heard.time:
        return None
    return round((at - datetime.fromisoformat(heard.time)).total_seconds() * 1000, 3)


def _why(heard: Envelope) -> str:
    body = from_json(heard.payload)
    name = heard.type.split(".")[2]
    parts = (str(body.get("reason") or ""), str(body.get("detail") or ""))
    return ": ".join((name, *(part for part in parts if part)))
