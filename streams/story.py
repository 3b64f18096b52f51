"""One saga's story, read from all ledgers, outboxes and parked rows without scanning any of them.

A ledger row names the message that it heard by its id, `<lane>-<sequence>`: the outbox row's key.
What a step announced carries the time of its batch, by which a lane is sorted.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Protocol

from pydantic_core import from_json

from compensations.ledger import Entry, State
from domains.row import Row
from infra.engine.engine import Transaction
from infra.engine.sqlite.reader import SqliteReader
from schemas.message import Failure, Message
from streams.codec import Codec
from streams.envelope import Envelope
from streams.rows import LaneRow, Parked
from streams.topology import Part, Topology

#: Ledger rows of one saga that are told; an order has ten, a product one per delivery of goods.
ENTRIES_MAX_COUNT = 500
#: Outbox rows read at a time where a step's announcements are looked for.
PAGE_MAX_ROWS = 200


class Shelf(Protocol):
    """What a story reads of one domain's store; it never writes."""

    part: Part
    reader: SqliteReader

    def codec(self, row: type[Row]) -> Codec[Any]: ...


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


async def story(stores: Mapping[str, Shelf], topology: Topology, saga: str) -> Story | None:
    """Tell one saga; None if nobody has heard of it."""
    teller = _Teller(stores, topology, saga)
    for name, store in stores.items():
        async with store.reader.begin() as snapshot:
            await teller.read(name, store, snapshot)
    if not teller.entries and not teller.parked:
        return None
    await teller.follow_causes()
    return teller.tell()


class _Teller:
    """Gathers one saga: ledger rows first, then the messages that they name or made."""

    def __init__(self, stores: Mapping[str, Shelf], topology: Topology, saga: str) -> None:
        self.stores = stores
        self.topology = topology
        self.saga = saga
        self.entries: list[tuple[str, Entry]] = []
        self.parked: list[Stuck] = []
        self.messages: dict[str, Envelope] = {}

    async def read(self, domain: str, store: Shelf, tx: Transaction) -> None:
        """One domain's ledger, its parked rows, and what its steps announced."""
        codec, waiting = store.codec(Entry), store.codec(Parked)
        for record in await tx.scan(codec.table, (self.saga,), limit=ENTRIES_MAX_COUNT):
            entry = codec.decode(record)
            assert isinstance(entry, Entry)
            self.entries.append((domain, entry))
        for record in await tx.scan(waiting.table, (self.saga,)):
            row = waiting.decode(record)
            assert isinstance(row, Parked)
            due = row.due.isoformat() if row.due else None
            self.parked.append(Stuck(domain, row.type, row.state, row.attempts, due, row.reason))
        own = [entry for d, entry in self.entries if d == domain]
        if own:
            await self._announced(store, tx, own)
            await self._from_namesake(domain, store, tx)

    async def _announced(self, store: Shelf, tx: Transaction, entries: list[Entry]) -> None:
        moments = {e.at for e in entries} | {e.undone_at for e in entries if e.undone_at}
        for lane in await self._lanes(store, tx):
            for moment in moments:
                await self._announced_at(store, tx, lane, moment)

    async def _from_namesake(self, domain: str, store: Shelf, tx: Transaction) -> None:
        """What the saga that this one is named after did to it: an order ends the hold of its id,
        and so does a command about the order's reservation."""
        name, codec = self.saga.partition(":")[2], store.codec(Entry)
        if not name:
            return
        records = await tx.scan(codec.table, (name,), limit=ENTRIES_MAX_COUNT)
        found = [codec.decode(record) for record in records]
        await self._announced(store, tx, found)
        steps = self.topology.parts[domain].domain.steps
        said = [e for e in self.messages.values() if e.saga == self.saga]
        for entry in found:
            step = steps.get(entry.step)
            types = {m.spec.wire for m in step.announces} if step else set()
            if any(e.cause == entry.cause and e.type in types for e in said):
                done = State.DONE if entry.state == State.UNDONE else entry.state
                bare = entry.but(state=done, undone_at=None, undone_by=None)
                self.entries.append((domain, bare))

    async def _lanes(self, store: Shelf, tx: Transaction) -> list[LaneRow]:
        codec = store.codec(LaneRow)
        rows = [codec.decode(record) for record in await tx.scan_all(codec.table)]
        return [row for row in rows if isinstance(row, LaneRow) and row.next > 1]

    async def _announced_at(
        self, store: Shelf, tx: Transaction, lane: LaneRow, moment: datetime
    ) -> None:
        """Find the batch of this moment in a lane by halving, and keep what is of this saga."""
        wanted = stamp(moment)
        low, high = 1, lane.next
        while low < high:
            middle = (low + high) // 2
            found = await tx.scan(
                store.part.outbox, (lane.lane,), start=(middle,), end=(high,), limit=1
            )
            if found and Envelope.of_row(found[0].values).time < wanted:
                low = int(found[0].values[1] or 0) + 1
            else:
                high = middle
        await self._keep_batch(store, tx, lane.lane, low, wanted)

    async def _keep_batch(
        self, store: Shelf, tx: Transaction, lane: str, first: int, wanted: str
    ) -> None:
        causes = self._causes()
        rows = await tx.scan(store.part.outbox, (lane,), start=(first,), limit=PAGE_MAX_ROWS)
        for record in rows:
            envelope = Envelope.of_row(record.values)
            if envelope.time > wanted:
                return
            ours = envelope.saga == self.saga or envelope.cause in causes
            if ours and not envelope.topic.endswith(".dlq"):
                self.messages[envelope.id] = envelope
        if len(rows) == PAGE_MAX_ROWS:
            await self._keep_batch(store, tx, lane, first + PAGE_MAX_ROWS, wanted)

    def _causes(self) -> set[str]:
        """The messages that the effects of this saga came from; what one of them led to belongs to
        the story, even where it is of another saga (a hold that an order's command lets go)."""
        both = [(e.cause, e.undone_by) for _, e in self.entries]
        return {cause for pair in both for cause in pair if cause}

    async def follow_causes(self) -> None:
        """Fetch the messages that the ledger names and the search by time did not meet."""
        wanted: dict[str, list[tuple[str, int]]] = {}
        for id_ in self._causes() - self.messages.keys():
            lane, _, sequence = id_.rpartition("-")
            domain = lane.rpartition("-")[0]
            if domain in self.stores and sequence.isdecimal():
                wanted.setdefault(domain, []).append((lane, int(sequence)))
        for domain, keys in wanted.items():
            store = self.stores[domain]
            async with store.reader.begin() as snapshot:
                await snapshot.fetch({store.part.outbox: keys})
                for key in keys:
                    record = snapshot.seen(store.part.outbox, key)
                    if record is not None:
                        envelope = Envelope.of_row(record.values)
                        self.messages[envelope.id] = envelope

    # telling

    def tell(self) -> Story:
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
            domain, entry, entry.step, state, entry.at, entry.cause, step.announces if step else ()
        )
        if entry.undone_at is not None and step is not None and step.undo is not None:
            undo = step.undo
            yield self._moment(
                domain, entry, f"{undo.name} ({entry.step})", State.UNDONE, entry.undone_at,
                entry.undone_by or "", undo.announces,
            )  # fmt: skip

    def _moment(
        self,
        domain: str,
        entry: Entry,
        step: str,
        state: str,
        at: datetime,
        cause: str,
        announces: tuple[type[Message], ...],
    ) -> Moment:
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
            heard=heard.type if heard else entry.heard_type, cause=cause, subject=entry.subject,
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
        failed = any(
            issubclass(type(e.decoded(self.topology.catalogue)), Failure) for e in self._own()
        )
        if self.parked:
            return "stuck"
        if waits:
            return "compensating" if failed else "running"
        if failed:
            return "compensated"
        return "rejected" if all(e.state == State.REFUSED for _, e in self.entries) else "done"


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


def stamp(moment: datetime) -> str:
    """A time as messages carry it."""
    return moment.isoformat(timespec="milliseconds")


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
