"""One delivery over the workspace: the ledger says what may run, the steps say what happened."""

import json
from collections.abc import Callable, Iterable
from typing import Any

from compensations.ledger import Entry, State, Verdict, may_do, may_undo
from domains.domain import Step
from schemas.catalogue import Catalogue, SchemaError
from schemas.message import Command, Failure, Message, Refusal
from streams import parked
from streams.bus import Arrival
from streams.delivery import Delivery, Outcome, Result, Via
from streams.envelope import Envelope
from streams.rows import Idempotent, Parked, ParkedHead, TimerDue
from streams.topology import Part, Route
from streams.workspace import Workspace

#: Bytes of one message's body; Kafka's default limit is 1 MiB with headers and batch overhead.
MESSAGE_MAX_BYTES = 900_000


class Undeclared(AssertionError):
    """A step announced what its signature does not say: a bug in the step."""


class TooLarge(AssertionError):
    """A message over the bus's limit; it would block its lane for ever."""


class OtherBody(SchemaError):
    """A command repeated with another body under a key that is done."""


class NotAllowed(SchemaError):
    """A command that only the operator's tools may send."""


#: Turns an outcome into the (status, body) that is stored under an Idempotency-Key.
Answer = Callable[[Delivery, Outcome], tuple[int, str]]


class Performance:
    """One pass over a batch: the workspace, and what has been announced so far."""

    def __init__(self, part: Part, catalogue: Catalogue, ws: Workspace, answer: Answer) -> None:
        self.part = part
        self.catalogue = catalogue
        self.ws = ws
        self.answer = answer
        self.announced: list[tuple[Delivery, Message, bytes]] = []
        self.letters: list[tuple[Delivery, Exception]] = []
        #: What parked lines replay in this pass; whoever fetches rows can look ahead.
        self.replays: list[Delivery] = []

    def discard(self) -> None:
        """Begin the pass anew."""
        self.ws.discard()
        self.announced.clear()
        self.letters.clear()
        self.replays.clear()

    def perform(self, delivery: Delivery) -> Outcome:
        """Everything one delivery does; an exception of its step loses only its own writes."""
        ws, mark, said = self.ws, self.ws.mark(), len(self.announced)
        envelope = delivery.envelope
        if envelope is not None:
            ws.cause, ws.traceparent = envelope.id, envelope.traceparent
        endless = False
        try:
            if delivery.error is not None:
                raise delivery.error
            body = delivery.body
            if isinstance(body, parked.RetryParked):
                return self._drain(delivery, body.line)
            route = self.part.routes.get(type(body)) if body is not None else None
            if body is None or route is None:
                return Outcome(Result.IGNORED)
            endless = bool(route.undone)
            return self._dance(delivery, body, route)
        except Exception as error:
            ws.revert(mark)
            del self.announced[said:]
            return self._failed(delivery, error, endless)

    def _dance(self, delivery: Delivery, body: Message, route: Route) -> Outcome:
        if delivery.idempotency is not None:
            stored = self.ws.get(Idempotent, *delivery.idempotency[:2])
            if stored is not None:
                clash = stored.digest != delivery.idempotency[2]
                return Outcome(Result.CLASH if clash else Result.REPEAT, stored=stored)
        if delivery.timer is not None and not self._fire(delivery):
            return Outcome(Result.REPEAT)
        if parked.queues(delivery, all_queue=route.queues) and self.ws.get(
            ParkedHead, delivery.saga
        ):
            parked.queue(self.ws, delivery)
            return Outcome(Result.PARKED)
        outcome = Outcome(Result.REPEAT)
        for step in route.undone:
            self._undo(step, delivery, body, outcome)
        for step in route.forward:
            self._do(step, delivery, body, outcome)
        if delivery.idempotency is not None:
            self._store(delivery, outcome)
        return outcome

    def _fire(self, delivery: Delivery) -> bool:
        row = self.ws.get(TimerDue, *(delivery.timer or ()))
        if row is not None:
            self.ws.delete(row)
        return row is not None

    def _do(self, step: Step, delivery: Delivery, body: Message, outcome: Outcome) -> None:
        ws, spec = self.ws, body.spec
        subject = step.subject(body) if step.subject else ""
        digest = body.digest() if isinstance(body, Command) else None
        entry = ws.get(Entry, delivery.saga, step.name, subject)
        verdict = may_do(entry, body, digest)
        if verdict is not Verdict.RUN:
            outcome.earlier = entry
            if verdict is Verdict.CLASH:
                outcome.result = Result.CLASH
                if delivery.via is not Via.HTTP:
                    raise OtherBody(f"{spec.wire}: {delivery.saga} exists with another body")
            return
        said = self._announce(step, delivery, step.function(body, ws), step.announces)
        refused = any(isinstance(message, Failure | Refusal) for message in said)
        state = State.REFUSED if refused else State.DONE
        heard = self._payload(delivery) if step.undo and not refused else None
        kept = (heard, digest)
        ws.insert(entry_of(delivery.saga, step.name, subject, state, spec.wire, kept, ws))
        outcome.announced += said
        outcome.result = Result.REFUSED if refused else Result.DONE

    def _undo(self, step: Step, delivery: Delivery, failure: Message, outcome: Outcome) -> None:
        ws = self.ws
        entry = ws.get(Entry, delivery.saga, step.name, "")
        verdict = may_undo(entry)
        if entry is None:
            wire, nothing = failure.spec.wire, (None, None)
            ws.insert(entry_of(delivery.saga, step.name, "", State.FORBIDDEN, wire, nothing, ws))
            outcome.result = Result.DONE
        elif verdict is Verdict.RUN:
            assert step.undo is not None, "the table names only steps with an undo"
            heard = self.heard(entry)
            announced = step.undo.function(failure, heard, ws)
            outcome.announced += self._announce(step, delivery, announced, step.undo.announces)
            undone = {"undone_at": ws.now, "undone_by": ws.cause}
            ws.put(entry.but(state=State.UNDONE, **undone))
            outcome.result = Result.DONE

    def heard(self, entry: Entry) -> Message:
        """The body that a done step heard, as its undo needs it."""
        assert entry.heard is not None, "the body of a step that can be undone is kept"
        return self.catalogue.decode(entry.heard_type, entry.heard)

    def _announce(
        self, step: Step, delivery: Delivery, result: Any, declared: Iterable[type[Message]]
    ) -> list[Message]:
        said: list[Message] = (
            [] if result is None else [result] if isinstance(result, Message) else list(result)
        )
        for message in said:
            if type(message) not in declared:
                raise Undeclared(f"{step.full_name} announced {type(message).__name__}, undeclared")
            payload = message.payload()
            if len(payload) > MESSAGE_MAX_BYTES:
                raise TooLarge(f"{message.spec.wire}: {len(payload)} bytes")
            self.announced.append((delivery, message, payload))
        return said

    def _store(self, delivery: Delivery, outcome: Outcome) -> None:
        assert delivery.idempotency is not None
        client, key, digest = delivery.idempotency
        status, answer = self.answer(delivery, outcome)
        self.ws.put(
            Idempotent(
                client=client, key_=key, digest=digest, status=status, answer=answer, at=self.ws.now
            )
        )

    def _failed(self, delivery: Delivery, error: Exception, endless: bool) -> Outcome:
        text = f"{type(error).__name__}: {error}"
        if delivery.via is Via.HTTP:
            return Outcome(Result.FAILED, error=text)
        if delivery.timer is not None:
            self._fire(delivery)
        if isinstance(delivery.body, parked.RetryParked):
            self._put_off(delivery.body.line, error)
            return Outcome(Result.PARKED, error=text)
        if parked.known(self.ws, delivery):
            return Outcome(Result.REPEAT)
        final = isinstance(error, AssertionError | SchemaError) and not endless
        dead = parked.park(self.ws, delivery, error, final=final, endless=endless)
        if dead:
            self.letters.append((delivery, error))
        return Outcome(Result.DEAD if dead else Result.PARKED, error=text)

    def _put_off(self, saga: str, error: Exception) -> None:
        """A line could not be replayed as a whole: its first delivery keeps why, and is retried
        without end, since it may not be to blame. What wakes a line is itself never parked."""
        for row in parked.waiting(self.ws, saga)[:1]:
            first = replay_of(row, self.catalogue)
            parked.park(self.ws, first, error, final=False, endless=True)

    def _drain(self, delivery: Delivery, saga: str) -> Outcome:
        """Replay a saga's line in order, until one of it fails again or it is empty."""
        if delivery.timer is not None and not self._fire(delivery):
            return Outcome(Result.REPEAT)
        outcome, line = Outcome(Result.DONE), parked.waiting(self.ws, saga)
        replays = [replay_of(row, self.catalogue) for row in line]
        self.replays += replays
        for row, replay in zip(line, replays, strict=True):
            if row.due is not None and row.due > self.ws.now:
                break
            outcome = self.perform(replay)
            if outcome.result is Result.PARKED:
                break
            if outcome.result is not Result.DEAD:
                self.ws.delete(row)
                parked.leave(self.ws, saga, row.number)
        return outcome

    @staticmethod
    def _payload(delivery: Delivery) -> str:
        assert delivery.envelope is not None
        return delivery.envelope.payload.decode()


def entry_of(
    saga: str,
    step: str,
    subject: str,
    state: State,
    wire: str,
    kept: tuple[str | None, str | None],
    ws: Workspace,
) -> Entry:
    """A new ledger row; `kept` is the heard body and the digest, where they are needed."""
    heard, digest = kept
    return Entry.trusted(
        {
            "saga": saga, "step": step, "subject": subject, "state": state, "cause": ws.cause,
            "heard_type": wire, "heard": heard, "digest": digest, "at": ws.now,
            "undone_at": None, "undone_by": None,
        }
    )  # fmt: skip


def replay_of(row: Parked, catalogue: Catalogue) -> Delivery:
    """The delivery that a parked row stands for."""
    headers = [(n, v.encode("latin-1")) for n, v in json.loads(row.raw_headers)]
    key, value = row.raw_key, row.raw_value
    arrival = Arrival(None, row.topic, row.partition, row.offset, "", key, value, headers)
    delivery = Delivery(None, Via.REPLAY, arrival, parked=row, saga=row.saga)
    try:
        envelope = Envelope.of_record(row.topic, row.raw_key, row.raw_value, headers)
        delivery.envelope = envelope
        delivery.body = envelope.decoded(catalogue)
        delivery.saga = delivery.body.spec.saga(delivery.body)
    except SchemaError as error:
        delivery.error = error
    except Exception as error:  # an upcaster stumbles over a body that no schema checked
        delivery.error = SchemaError(f"{row.type}: {error!r}")
    return delivery
