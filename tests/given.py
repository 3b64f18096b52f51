"""Given rows, when a domain hears something, then events and rows: real steps, ledger and codecs.

Only the store is missing: rows lie encoded in a dictionary between two batches.
"""

from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from itertools import count
from random import Random
from typing import Any, TypeVar, cast

from compensations.ledger import Entry
from domains.row import Row, RowKey
from infra.engine.table import Record
from schemas.catalogue import Catalogue
from schemas.message import Command, Message, Timer
from streams.codec import from_millis
from streams.delivery import Delivery, Outcome, Result, Via
from streams.envelope import Envelope
from streams.handle import PASSES_MAX_COUNT
from streams.perform import Performance
from streams.rows import TimerDue
from streams.topology import Route, discover
from streams.workspace import Address, Missing, Workspace

R = TypeVar("R", bound=Row)
M = TypeVar("M", bound=Message)

TOPOLOGY = discover()
CATALOGUE = Catalogue()
NOW = datetime(2026, 7, 15, 12, tzinfo=UTC)

_ids = count(1)


class StepFailed(AssertionError):
    """A step raised; the text says what."""


class Stage:
    """One domain, with the rows it has."""

    def __init__(self, domain: str, *rows: Row) -> None:
        self.part = TOPOLOGY.parts[domain]
        self.now = NOW
        self.passes = 0
        self.outcomes: list[Outcome] = []
        self._records: dict[Address, tuple[Any, ...]] = {}
        for row in rows:
            self._records[type(row), row.key] = self.part.codecs[type(row)].encode(row)

    def when(self, *messages: Message) -> list[Message]:
        """Hear the messages in one batch; what was announced."""
        return self._handle([_delivery(message) for message in messages])

    def later(self, span: timedelta) -> list[Message]:
        """Let time pass; what was announced because of timers."""
        self.now += span
        due = [t for t in self.rows(TimerDue) if from_millis(t.due) <= self.now]
        return self._handle([_fired(timer) for timer in due])

    def row(self, row: type[R], *key: str | int) -> R | None:
        """The row, as it lies in the store."""
        values = self._records.get((row, key))
        if values is None:
            return None
        return cast(R, self.part.codecs[row].decode(Record(values, None, 1)))

    def results(self) -> list[Result]:
        """What became of each delivery of the last batch."""
        return [outcome.result for outcome in self.outcomes]

    def one(self, row: type[R]) -> R:
        """The only row of its kind."""
        [found] = self.rows(row)
        return found

    def rows(self, row: type[R]) -> list[R]:
        """All rows of a kind, in key order."""
        keys = sorted(key for kind, key in self._records if kind is row)
        return [found for key in keys if (found := self.row(row, *key)) is not None]

    def state(self, saga: str, step: str, subject: str = "") -> str | None:
        """What the ledger says about an effect."""
        entry = self.row(Entry, saga, step, subject)
        return entry.state if entry else None

    def _handle(self, batch: list[Delivery]) -> list[Message]:
        ws = Workspace(self.part.codecs, self.now)
        show = Performance(self.part, CATALOGUE, ws, lambda delivery, outcome: (200, ""))
        self._load(ws, [a for d in batch for a in self._declared(d)])
        for self.passes in range(1, PASSES_MAX_COUNT + 1):
            missing = self._pass(show, batch)
            if not missing:
                break
            show.discard()
            self._load(ws, missing)
        else:
            raise StepFailed(f"over {PASSES_MAX_COUNT} passes")
        for outcome in self.outcomes:
            if outcome.result is Result.FAILED:
                raise StepFailed(outcome.error)
        for row, images in ws.images():
            for key, _, after in images:
                self._records.pop((row, key), None)
                if after is not None:
                    self._records[row, key] = self.part.codecs[row].encode(after)
        return [CATALOGUE.decode(m.spec.wire, payload) for _, m, payload in show.announced]

    def _pass(self, show: Performance, batch: list[Delivery]) -> list[Address]:
        """Run all of the batch; the rows that it lacked, if any."""
        missing: list[Address] = []
        self.outcomes = []
        for delivery in batch:
            mark = show.ws.mark()
            try:
                self.outcomes.append(show.perform(delivery))
            except Missing as lacking:
                show.ws.revert(mark)
                missing += lacking.addresses
        return missing

    def _load(self, ws: Workspace, addresses: Iterable[Address]) -> None:
        for row, key in addresses:
            ws.load(row, key, self.row(row, *key))

    def _declared(self, delivery: Delivery) -> list[Address]:
        """What handle reads before the first pass."""
        body = delivery.body
        assert body is not None, "every delivery of a test has a body"
        route = self.part.routes.get(type(body), Route((), ()))
        found: list[Address] = [(TimerDue, delivery.timer)] if delivery.timer else []
        for step in route.forward:
            subject = step.subject(body) if step.subject else ""
            found.append((Entry, (delivery.saga, step.name, subject)))
            found += step.reads(body) if step.reads else []
        for step in route.undone:
            entry = self.row(Entry, delivery.saga, step.name, "")
            found.append((Entry, (delivery.saga, step.name, "")))
            if entry and entry.heard and step.undo and step.undo.reads:
                found += step.undo.reads(body, CATALOGUE.decode(entry.heard_type, entry.heard))
        return found


class Dance:
    """All domains together; deliveries wait per domain, and may come late, twice, in any order."""

    def __init__(self, stages: Iterable[Stage] = (), chance: Random | None = None) -> None:
        given = {stage.part.name: stage for stage in stages}
        self.stages = {name: given.get(name) or Stage(name) for name in TOPOLOGY.parts}
        self.waiting: dict[str, list[Message]] = defaultdict(list)
        self.said: list[Message] = []
        self.down: set[str] = set()
        self.chance = chance

    def send(self, *messages: Message) -> None:
        """Put messages on their topics."""
        for message in messages:
            if isinstance(message, Command):
                self.waiting[message.spec.domain].append(message)
                continue
            self.said.append(message)
            for part in dict.fromkeys(p.name for p, _, _ in TOPOLOGY.hearers(type(message))):
                self.waiting[part].append(message)

    def run(self) -> None:
        """Deliver until nothing waits for a domain that is up."""
        while ready := [n for n, waiting in self.waiting.items() if waiting and n not in self.down]:
            self.send(*self._deliver(self.chance.choice(ready) if self.chance else ready[0]))

    def _deliver(self, name: str) -> list[Message]:
        waiting = self.waiting[name]
        if self.chance is None:
            return self.stages[name].when(waiting.pop(0))
        self.chance.shuffle(waiting)
        batch = [waiting.pop() for _ in range(self.chance.randint(1, len(waiting)))]
        if self.chance.random() < 0.2:
            waiting.append(self.chance.choice(batch))  # once more
        return self.stages[name].when(*batch)

    def later(self, span: timedelta) -> None:
        """Let time pass for all, and deliver what that brings about."""
        for name, stage in self.stages.items():
            if name in self.down:
                stage.now += span
            else:
                self.send(*stage.later(span))
        self.run()

    def heard(self, kind: type[M]) -> list[M]:
        """The announcements of a kind so far."""
        return [message for message in self.said if isinstance(message, kind)]


def _delivery(body: Message, timer: RowKey | None = None) -> Delivery:
    spec, payload = body.spec, body.payload()
    envelope = Envelope(
        id=f"m{next(_ids)}", source="/test", type=spec.wire, topic=spec.topic, key=spec.key(body),
        payload=payload, saga=spec.saga(body),
    )  # fmt: skip
    heard = CATALOGUE.decode(spec.wire, payload)
    return Delivery(envelope, Via.HTTP, timer=timer, operator=True, body=heard, saga=envelope.saga)


def _fired(timer: TimerDue) -> Delivery:
    body = CATALOGUE.decode(timer.type, timer.payload)
    assert isinstance(body, Timer)
    return _delivery(body, timer.key)
