"""The heart: a micro-batch of deliveries is one transaction in one domain's store."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from domains.row import RowKey
from infra.engine.engine import Engine, Transaction
from infra.engine.errors import Conflict, UnknownOutcome, WriteRefused
from infra.engine.table import Record
from schemas.catalogue import Catalogue, SchemaError
from schemas.message import Command
from streams.cache import RowCache
from streams.delivery import Delivery, Outcome
from streams.envelope import Envelope
from streams.lane import Lane
from streams.parked import RetryParked
from streams.perform import Answer, NotAllowed, Performance
from streams.reads import Reads, wanted, wanted_by_undos
from streams.rows import LaneRow, ParkedHead
from streams.topology import Part
from streams.workspace import Missing, Workspace
from streams.writes import Mark, Writes

#: Passes over one batch; the first reads what steps declare, the rest what they find out.
PASSES_MAX_COUNT = 12
#: Lost conflicts of one batch before it is halved, so that no batch loses for ever.
CONFLICTS_MAX_COUNT = 4
#: Batches that lock their rows from the first read on, after one lost a conflict: somebody else
#: wants the same rows, and waiting for them costs less than doing the work twice.
LOCKING_BATCHES = 64


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
        *,
        exclusive: bool = False,
    ) -> None:
        """With `exclusive` nobody else writes this store's rows, so that written ones are kept."""
        self.part = part
        self.catalogue = catalogue
        self.engine = engine
        self.lane = lane
        self.now = now
        self.answer = answer
        self.positions: dict[RowKey, Record] = {}
        self.cache = RowCache(part.rows) if exclusive else None
        self.passes = 0
        #: Transactions lost to other writers.
        self.conflicts = 0
        self._locking = 0
        #: A commit was not answered and nobody could be asked: the lane may reach further.
        self.unsure = False

    async def handle(self, batch: Sequence[Delivery], marks: Sequence[Mark] = ()) -> Handled:
        """Handle a batch; `marks` are positions to write with it.

        Raises LaneLost, Unavailable or LockedOut with nothing done.
        """
        now = self.now()
        for delivery in batch:
            self._prepare(delivery)
        return await self._commit(batch, marks, now)

    async def learn_parked(self) -> None:
        """Read which sagas have deliveries parked, so that the others need not be asked about."""
        if self.cache is None:
            return
        tx = self.engine.begin()
        try:
            heads = await tx.scan_all(self.part.codecs[ParkedHead].table)
        finally:
            await tx.rollback()
        self.cache.parked = {str(head.values[0]) for head in heads}

    async def _commit(
        self, batch: Sequence[Delivery], marks: Sequence[Mark], now: datetime
    ) -> Handled:
        lost: Conflict | None = None
        for attempt in range(CONFLICTS_MAX_COUNT):
            locked = attempt > 0 or self._locking > 0
            self._locking = max(0, self._locking - 1)
            try:
                return await self._once(batch, marks, now, locked=locked)
            except Conflict as conflict:
                lost = conflict
                self.conflicts += 1
                self._locking = LOCKING_BATCHES
            except (WriteRefused, TooManyPasses) as error:
                if len(batch) == 1:
                    batch[0].error = error
                    return await self._once(batch, marks, now, locked=True)
                break
        if len(batch) == 1:
            raise Conflict(f"{CONFLICTS_MAX_COUNT} times in a row: {lost}") from lost
        half = len(batch) // 2
        first = await self._commit(batch[:half], (), now)
        return first + await self._commit(batch[half:], marks, now)

    def _prepare(self, delivery: Delivery) -> None:
        """Decode what this domain has steps for; a message it cannot read carries its error."""
        envelope = delivery.envelope
        if isinstance(delivery.body, RetryParked) and self.cache is not None:
            self.cache.parked.add(delivery.body.line)  # whoever set its timer may have parked it
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
            except Exception as error:  # an upcaster stumbles over a body that no schema checked
                delivery.body, delivery.error = None, SchemaError(f"{envelope.type}: {error!r}")

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
        locked = locked or self.unsure
        tx = self.engine.begin(locked=locked)
        reads = Reads(self.part, tx, None if locked else self.cache)
        try:
            if locked:
                await self._verify(tx)
            ws = Workspace(self.part.codecs, now)
            show = Performance(self.part, self.catalogue, ws, self.answer)
            outcomes = await self._run(reads, show, batch)
            writes = Writes(self.part, tx, self.lane, self.positions, self.cache)
            due = writes.images(ws.images())
            envelopes = writes.announce(show)
            await self._seal(writes, marks, known=not locked)
            return Handled(outcomes, envelopes, due)
        finally:
            await tx.rollback()

    # passes

    async def _run(
        self, reads: Reads, show: Performance, batch: Sequence[Delivery]
    ) -> list[Outcome]:
        await reads.fetch(show.ws, *wanted(self.part, batch))
        await reads.fetch(show.ws, wanted_by_undos(show, batch))
        for number in range(PASSES_MAX_COUNT):
            self.passes = number + 1
            outcomes, missing = self._pass(show, batch)
            if not missing and await reads.prove(show.ws):
                return outcomes
            replays = list(show.replays)
            show.discard()
            await reads.fetch(show.ws, [a for m in missing for a in m.addresses])
            await reads.scan(show.ws, [s for m in missing for s in m.scans])
            await reads.fetch(show.ws, *wanted(self.part, replays))
            await reads.fetch(show.ws, wanted_by_undos(show, replays))
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

    # the commit

    async def _seal(self, writes: Writes, marks: Sequence[Mark], *, known: bool) -> None:
        """Commit what was written, if anything was; asserts the lane and notes positions."""
        if not writes.any:
            return
        row = self.lane.advance(writes.tx, writes.announced, known=known)
        await writes.mark(marks, known=known)
        await self._finish(writes.tx, row)
        self.lane.committed(row, writes.tx.id)
        writes.committed()

    async def _finish(self, tx: Transaction, row: LaneRow) -> None:
        """Commit; where the answer was lost, the lane row tells whether it happened."""
        try:
            await tx.commit()
        except UnknownOutcome as unknown:
            self.unsure = True
            if self.cache is not None:
                self.cache.forget()
            asked = self.engine.begin(locked=True)
            try:
                await asked.fetch({self.lane.codec.table: [self.lane.key]})
                found = asked.seen(self.lane.codec.table, self.lane.key)
                self.unsure = False
            finally:
                await asked.rollback()
            if found is None or found.tx_id != tx.id:
                raise Conflict(f"the commit did not happen: {unknown}") from unknown

    async def _verify(self, tx: Transaction) -> None:
        await self.lane.verify(tx)
        self.unsure = False

    async def beat(self, marks: Sequence[Mark] = ()) -> None:
        """An idle owner's transaction: notes what is published and how far it has heard."""
        known = not self.unsure
        tx = self.engine.begin(locked=not known)
        try:
            if not known:
                await self._verify(tx)
            writes = Writes(self.part, tx, self.lane, self.positions, self.cache)
            writes.any = True
            await self._seal(writes, marks, known=known)
        finally:
            await tx.rollback()
