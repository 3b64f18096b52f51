"""The heart: a micro-batch of deliveries is one transaction in one domain's store."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from compensations.ledger import Entry, State
from domains.row import Row, RowKey
from infra.engine.engine import Engine, Transaction
from infra.engine.errors import Conflict, UnknownOutcome, WriteRefused
from infra.engine.table import Record, Table
from schemas.catalogue import Catalogue, SchemaError
from schemas.message import Command
from streams import deadletter
from streams.delivery import Delivery, Outcome
from streams.envelope import Envelope
from streams.lane import Lane
from streams.perform import Answer, NotAllowed, Performance
from streams.rows import Idempotent, LaneRow, ParkedHead, Position, TimerDue
from streams.topology import Part
from streams.trace import next_hop
from streams.workspace import UNREAD, Address, Missing, Workspace

#: Passes over one batch; the first reads what steps declare, the rest what they find out.
PASSES_MAX_COUNT = 12
#: Lost conflicts of one batch before it is halved, so that no batch loses for ever.
CONFLICTS_MAX_COUNT = 4


#: How far a subscriber has heard a lane: (subscriber, publisher, lane, sequence).
Mark = tuple[str, str, str, int]


class TooManyPasses(AssertionError):
    """Steps of this batch ask for other rows on every pass."""


@dataclass(slots=True)
class Handled:
    """What a committed batch did: an outcome per delivery, and what is to be published."""

    outcomes: list[Outcome] = field(default_factory=list)
    envelopes: list[Envelope] = field(default_factory=list)
    #: The earliest due time (epoch ms) among the timers that were set.
    due: int | None = None

    def __add__(self, other: "Handled") -> "Handled":
        dues = [due for due in (self.due, other.due) if due is not None]
        return Handled(
            self.outcomes + other.outcomes,
            self.envelopes + other.envelopes,
            min(dues, default=None),
        )


class Handler:
    """Runs batches for one domain with one lane, one transaction at a time."""

    def __init__(
        self,
        part: Part,
        catalogue: Catalogue,
        engine: Engine,
        lane: Lane,
        now: Callable[[], datetime],
        answer: Answer,
    ) -> None:
        self.part = part
        self.catalogue = catalogue
        self.engine = engine
        self.lane = lane
        self.now = now
        self.answer = answer
        self.positions: dict[RowKey, Record] = {}
        self.passes = 0

    async def handle(self, batch: Sequence[Delivery], marks: Sequence[Mark] = ()) -> Handled:
        """Handle a batch; `marks` are positions to write with it.

        Raises LaneLost, Unavailable or LockedOut with nothing done.
        """
        now = self.now()
        for delivery in batch:
            self._prepare(delivery)
        return await self._commit(batch, marks, now)

    async def _commit(
        self, batch: Sequence[Delivery], marks: Sequence[Mark], now: datetime
    ) -> Handled:
        for attempt in range(CONFLICTS_MAX_COUNT):
            try:
                return await self._once(batch, marks, now, locked=attempt > 0)
            except Conflict:
                continue
            except WriteRefused as error:
                if len(batch) == 1:
                    batch[0].error = error
                    return await self._once(batch, marks, now, locked=True)
                break
        if len(batch) == 1:
            raise Conflict(f"{self.part.name}: one delivery lost {CONFLICTS_MAX_COUNT} conflicts")
        half = len(batch) // 2
        first = await self._commit(batch[:half], (), now)
        return first + await self._commit(batch[half:], marks, now)

    def _prepare(self, delivery: Delivery) -> None:
        """Decode what this domain has steps for; a message it cannot read carries its error."""
        envelope = delivery.envelope
        if envelope is None:
            text = delivery.arrival.error if delivery.arrival else "unreadable"
            delivery.error = delivery.error or SchemaError(text)
        elif delivery.body is None and delivery.error is None:
            try:
                delivery.body = envelope.decoded(self.catalogue)
                delivery.saga = delivery.body.spec.saga(delivery.body)
                if isinstance(delivery.body, Command):
                    self._admit(delivery, envelope)
            except SchemaError as error:
                delivery.body, delivery.error = None, error

    def _admit(self, delivery: Delivery, envelope: Envelope) -> None:
        spec = envelope.body.spec if envelope.body else None
        if spec is not None and spec.operator and not delivery.operator:
            raise NotAllowed(f"{spec.wire} is for the operator's tools only")
        if envelope.saga and envelope.saga != delivery.saga:
            raise SchemaError(
                f"{envelope.type}: correlationid {envelope.saga!r} contradicts the body,"
                f" whose saga is {delivery.saga!r}"
            )

    async def _once(
        self,
        batch: Sequence[Delivery],
        marks: Sequence[Mark],
        now: datetime,
        *,
        locked: bool,
    ) -> Handled:
        tx = self.engine.begin(locked=locked)
        try:
            if locked:
                await self.lane.verify(tx)
            ws = Workspace(self.part.codecs, now)
            show = Performance(self.part, self.catalogue, ws, self.answer)
            outcomes = await self._run(tx, show, batch)
            envelopes = self._envelopes(show)
            return await self._save(tx, ws, Handled(outcomes, envelopes), marks, known=not locked)
        finally:
            await tx.rollback()

    # passes

    async def _run(
        self, tx: Transaction, show: Performance, batch: Sequence[Delivery]
    ) -> list[Outcome]:
        await self._fetch(tx, show.ws, self._wanted(batch))
        undos = self._wanted_by_undos(show, batch)
        if undos:
            await self._fetch(tx, show.ws, undos)
        for number in range(PASSES_MAX_COUNT):
            self.passes = number + 1
            outcomes, missing = self._pass(show, batch)
            if not missing:
                return outcomes
            show.discard()
            await self._fetch(tx, show.ws, [a for m in missing for a in m.addresses])
            await self._scan(tx, show.ws, [s for m in missing for s in m.scans])
        raise TooManyPasses(f"{self.part.name}: over {PASSES_MAX_COUNT} passes")

    @staticmethod
    def _pass(show: Performance, batch: Sequence[Delivery]) -> tuple[list[Outcome], list[Missing]]:
        """Every delivery once; if any misses rows, the pass only counts for what is missing."""
        outcomes, missing = [], []
        for delivery in batch:
            try:
                outcomes.append(show.perform(delivery))
            except Missing as signal:
                missing.append(signal)
        return outcomes, missing

    def _wanted(self, batch: Sequence[Delivery]) -> list[Address]:
        """The ledger, parked and timer rows of the batch, and what its steps declare to read."""
        wanted: list[Address] = []
        for delivery in batch:
            body = delivery.body
            route = self.part.routes.get(type(body)) if body is not None else None
            if delivery.timer is not None:
                wanted.append((TimerDue, delivery.timer))
            if route is None:
                continue
            saga = delivery.saga
            wanted.append((ParkedHead, (saga,)))
            if delivery.idempotency is not None:
                wanted.append((Idempotent, delivery.idempotency[:2]))
            wanted += [(Entry, (saga, step.name, "")) for step in route.undone]
            for step in route.forward:
                subject = step.subject(body) if step.subject else ""
                wanted.append((Entry, (saga, step.name, subject)))
                if step.reads is not None:
                    wanted += step.reads(body)
        return wanted

    def _wanted_by_undos(self, show: Performance, batch: Sequence[Delivery]) -> list[Address]:
        wanted: list[Address] = []
        for delivery in batch:
            route = self.part.routes.get(type(delivery.body)) if delivery.body else None
            for step in route.undone if route else ():
                entry = show.ws.get(Entry, delivery.saga, step.name, "")
                if entry and entry.state == State.DONE and step.undo and step.undo.reads:
                    wanted += step.undo.reads(delivery.body, show.heard(entry))
        return wanted

    async def _fetch(self, tx: Transaction, ws: Workspace, addresses: Iterable[Address]) -> None:
        keys: dict[type[Row], dict[RowKey, None]] = defaultdict(dict)
        for row, key in ws.unread(addresses):
            keys[row][key] = None
        if not keys:
            return
        codecs = self.part.codecs
        wanted: dict[Table, Iterable[RowKey]] = {codecs[row].table: k for row, k in keys.items()}
        await tx.fetch(wanted)
        for row, found in keys.items():
            codec = codecs[row]
            for key in found:
                record = tx.seen(codec.table, key)
                ws.load(row, key, None if record is None else codec.decode(record))

    async def _scan(self, tx: Transaction, ws: Workspace, scans: Iterable[Address]) -> None:
        for row, partition in scans:
            codec = self.part.codecs[row]
            records = await tx.scan(codec.table, partition)
            ws.load_scan(row, partition, [codec.decode(record) for record in records])

    # the commit

    def _envelopes(self, show: Performance) -> list[Envelope]:
        """What the pass announced, numbered in the lane."""
        lane, time = self.lane, show.ws.now.isoformat(timespec="milliseconds")
        source, sequence = f"/odori/{self.part.name}/{lane.name}", lane.row.next
        envelopes = []
        for delivery, message, payload in show.announced:
            spec, heard = message.spec, delivery.envelope
            envelopes.append(
                Envelope(
                    id=f"{lane.name}-{sequence}", source=source, type=spec.wire, topic=spec.topic,
                    key=spec.key(message), payload=payload, saga=spec.saga(message),
                    subject=spec.subject(message), time=time, cause=heard.id if heard else "",
                    sequence=sequence, traceparent=next_hop(heard.traceparent if heard else ""),
                    origin=heard.origin if heard else "", body=message,
                )
            )  # fmt: skip
            sequence += 1
        for delivery, error in show.letters:
            letter = deadletter.announce(self.part.name, delivery, error, time)
            letter.id, letter.source, letter.sequence = f"{lane.name}-{sequence}", source, sequence
            envelopes.append(letter)
            sequence += 1
        return envelopes

    async def _save(
        self,
        tx: Transaction,
        ws: Workspace,
        handled: Handled,
        marks: Sequence[Mark],
        *,
        known: bool,
    ) -> Handled:
        images = ws.images()
        if not images and not handled.envelopes:
            return handled
        for image in images:
            codec = self.part.codecs[image.row]
            if image.before is UNREAD:
                tx.discard(codec.table, image.key)
            elif image.after is None:
                tx.delete(codec.table, image.key)
            elif image.before is None:
                tx.insert(codec.table, codec.encode(image.after))
                if isinstance(image.after, TimerDue):
                    handled.due = min(image.after.due, handled.due or image.after.due)
            else:
                tx.put(codec.table, codec.encode(image.after))
        for envelope in handled.envelopes:
            tx.insert(self.part.outbox, envelope.row(self.lane.name))
        row = self.lane.advance(tx, len(handled.envelopes), known=known)
        positions = await self._mark(tx, marks, known=known)
        await self._finish(tx, row)
        self.lane.committed(row, tx.id)
        self.positions.update(positions)
        return handled

    async def _mark(
        self, tx: Transaction, marks: Sequence[Mark], *, known: bool
    ) -> dict[RowKey, Record]:
        """Write positions with the transaction; they may lag what is handled, never lead it."""
        codec = self.part.codecs[Position]
        unknown = [m[:3] for m in marks if not known or m[:3] not in self.positions]
        if unknown:
            await tx.fetch({codec.table: unknown})
        written = {}
        for mark in marks:
            key = mark[:3]
            old = tx.seen(codec.table, key) if key in unknown else self.positions[key]
            if key not in unknown:
                tx.assume(codec.table, key, old)
            tx.put(codec.table, mark)
            written[key] = Record(mark, tx.id, old.tx_version + 1 if old else 1)
        return written

    async def _finish(self, tx: Transaction, row: LaneRow) -> None:
        """Commit; where the answer was lost, the lane row tells whether it happened."""
        try:
            await tx.commit()
        except UnknownOutcome:
            asked = self.engine.begin(locked=True)
            try:
                await asked.fetch({self.lane.codec.table: [self.lane.key]})
                found = asked.seen(self.lane.codec.table, self.lane.key)
            finally:
                await asked.rollback()
            if found is None or found.tx_id != tx.id:
                raise Conflict("the commit that was not answered did not happen") from None

    async def beat(self, marks: Sequence[Mark] = ()) -> None:
        """An idle owner's transaction: notes what is published and how far it has heard."""
        tx = self.engine.begin()
        try:
            row = self.lane.advance(tx, 0, known=True)
            positions = await self._mark(tx, marks, known=True)
            await self._finish(tx, row)
            self.lane.committed(row, tx.id)
            self.positions.update(positions)
        finally:
            await tx.rollback()
