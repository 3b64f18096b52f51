"""Pruning: what is old and needed by nobody goes, in small steps beside a running system."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from compensations.ledger import Entry, State
from domains.row import Row, RowKey
from infra.engine.engine import Engine, Transaction
from infra.engine.errors import Conflict, LockedOut
from infra.engine.table import Table
from schemas.message import Message
from streams.books.accounts import NOTHING, SAID, said
from streams.codec import to_millis
from streams.connectors.payment import HEARD
from streams.home import Home, NoData
from streams.lane import RETIRED
from streams.parked import DEAD
from streams.rows import Carried, Idempotent, LaneRow, Parked, Position
from streams.store import Store
from streams.topology import Part, Topology

#: Rows of one step, which is one transaction: some milliseconds in which others wait.
STEP_MAX_ROWS = 500
#: Between two steps, so that a running system has its turns.
PAUSE_S = 0.005
#: How often one step is tried while the file is locked or rows move.
TRIES_MAX_COUNT = 6
#: The first wait after a try that failed; it doubles.
WAIT_FIRST_S = 0.1
#: Subscribers beside the domains, and what they hear: it is kept until they have.
BESIDE: dict[str, tuple[type[Message], ...]] = {"payment.connector": HEARD}


@dataclass
class Pruned:
    """How many rows went (or would go); of the ledger only bodies, never a row."""

    outbox: int = 0
    ledger_bodies: int = 0
    parked: int = 0
    idempotency: int = 0
    lanes: int = 0
    positions: int = 0

    def public(self) -> dict[str, int]:
        return asdict(self)


class Pruner:
    """Prunes the stores; whatever ends it, it begins again where it was."""

    def __init__(
        self, home: Home, topology: Topology, before: datetime, *, broker: bool, dry: bool
    ) -> None:
        """With `broker` positions are not ours to know; what is published may go."""
        self._home = home
        self._topology = topology
        self._stores: dict[str, Store] = {}
        self._before = before
        self._broker = broker
        self._dry = dry
        self.pruned = Pruned()

    async def run(self) -> Pruned:
        """Everything, store by store. Raises NoData, or what the engine raises; done steps stay
        done."""
        parts = self._topology.parts
        try:
            for name in self._home.there(parts):
                store = Store(parts[name], self._home)
                await store.open()
                self._stores[name] = store
            if not self._stores:
                raise NoData(self._home)
            for store in self._stores.values():
                await self._outbox(store)
                await self._bodies(store)
                self.pruned.parked += await self._old(store, Parked, f"state = '{DEAD}' AND ")
                self.pruned.idempotency += await self._old(store, Idempotent, "")
                await self._lanes(store)
            for store in self._stores.values():
                await self._positions(store)
        finally:
            for store in self._stores.values():
                await store.close()
        return self.pruned

    # the outbox

    async def _outbox(self, store: Store) -> None:
        name = store.part.name
        lanes = await store.reader.query(f'SELECT lane, published FROM "{name}$lanes"')
        for lane, published in lanes:
            last = published if self._broker else await self._heard_by_all(store, str(lane))
            sql = f"""SELECT sequence FROM "{name}$outbox"
                WHERE lane = ? AND sequence > ? AND sequence <= ?
                AND json_extract(headers, '$.time') < ? ORDER BY sequence LIMIT {STEP_MAX_ROWS}"""
            after, before = 0, self._before.isoformat(timespec="milliseconds")
            while rows := await store.reader.query(sql, (lane, after, last, before)):
                sequences = [int(row[0]) for row in rows]
                if not self._dry:
                    await self._step(store, self._forget_messages(store, str(lane), sequences))
                self.pruned.outbox += len(sequences)
                after = sequences[-1]

    async def _heard_by_all(self, store: Store, lane: str) -> int:
        """The last sequence before the first message that some subscriber has yet to hear."""
        name, bounds = store.part.name, [2**62]
        for subscriber, condition in self._hearers():
            home = self._stores.get(subscriber.partition(".")[0])
            if home is None:
                continue
            noted = await home.reader.query(
                f"""SELECT sequence FROM "{home.part.name}$positions"
                    WHERE subscriber = ? AND publisher = ? AND lane = ?""",
                (subscriber, name, lane),
            )
            position = int(noted[0][0]) if noted else 0
            [[first]] = await store.reader.query(
                f"""SELECT min(sequence) FROM "{name}$outbox"
                    WHERE lane = ? AND sequence > ? AND {condition}""",
                (lane, position),
            )
            bounds += [int(first) - 1] if first is not None else []
        return min(bounds)

    def _hearers(self) -> list[tuple[str, str]]:
        """Every declared subscriber, and which outbox rows are for it."""
        found = [
            (name, f"aggregatetype IN {_listed(part.topics)} AND type NOT IN {_listed(part.skip)}")
            for name, part in self._topology.parts.items()
        ]
        for name, heard in BESIDE.items():
            stems = [message.spec.wire.rpartition(".")[0] for message in heard]
            types = " OR ".join(f"substr(type, 1, {len(s) + 1}) = '{s}.'" for s in stems)
            found.append((name, f"({types})"))
        return found

    def _forget_messages(self, store: Store, lane: str, sequences: Sequence[int]) -> "Step":
        async def step(tx: Transaction) -> None:
            part, keys = store.part, [(lane, number) for number in sequences]
            await tx.fetch({part.outbox: keys})
            present = [key for key in keys if tx.seen(part.outbox, key) is not None]
            await self._carry(store, tx, lane, [key[1] for key in present])
            for key in present:
                tx.delete(part.outbox, key)

        return step

    async def _carry(self, store: Store, tx: Transaction, lane: str, numbers: list[int]) -> None:
        """Bring forward what these messages say, so that the books go on without them."""
        part, name = store.part, store.part.name
        if name not in SAID or not numbers:
            return
        where = f"WHERE lane = ? AND sequence IN ({','.join(map(str, numbers))})"
        sums = await store.reader.query(
            f"""WITH {said(name, where)}
                SELECT book, key, name, CAST(sum(amount) AS BIGINT) FROM (
                {NOTHING} UNION ALL {SAID[name]}) sums GROUP BY 1, 2, 3""",
            (lane,),
        )
        codec = part.codecs[Carried]
        await tx.fetch({codec.table: [row[:3] for row in sums]})
        for *key, amount in sums:
            old = tx.seen(codec.table, tuple(key))
            before = codec.decode(old).amount if old is not None else 0
            row = Carried(book=key[0], key_=key[1], name=key[2], amount=before + amount)
            tx.put(codec.table, codec.encode(row))

    # the ledger

    async def _bodies(self, store: Store) -> None:
        """Blank the kept bodies that no undo can need: of what is undone or never done, and of
        sagas past the pivot."""
        name, after = store.part.name, ("", "", "")
        sql = f"""SELECT saga, step, subject, state FROM "{name}$ledger"
            WHERE (saga, step, subject) > (?, ?, ?) AND heard IS NOT NULL
            AND coalesce(undone_at, at) < ? ORDER BY saga, step, subject LIMIT {STEP_MAX_ROWS}"""
        while rows := await store.reader.query(sql, (*after, to_millis(self._before))):
            after = rows[-1][:3]
            done = await self._past_the_pivot([str(r[0]) for r in rows if r[3] == State.DONE])
            keys = [row[:3] for row in rows if row[3] != State.DONE or row[0] in done]
            if keys and not self._dry:
                await self._step(store, _blank(store.part, keys))
            self.pruned.ledger_bodies += len(keys)

    async def _past_the_pivot(self, sagas: list[str]) -> set[str]:
        found: set[str] = set()
        for part in self._topology.parts.values():
            store = self._stores.get(part.name)
            for step in part.domain.steps.values():
                if step.pivot and store is not None and sagas:
                    rows = await store.reader.query(
                        f"""SELECT saga FROM "{part.name}$ledger" WHERE step = ? AND subject = ''
                            AND state = '{State.DONE}' AND at < ?
                            AND saga IN ({",".join("?" * len(sagas))})""",
                        (step.name, to_millis(self._before), *sagas),
                    )
                    found |= {str(row[0]) for row in rows}
        return found

    # the rest

    async def _old(self, store: Store, row: type[Row], condition: str) -> int:
        codec, count = store.part.codecs[row], 0
        names = ", ".join(f'"{name}"' for name in row.spec.partition + row.spec.clustering)
        holes = ", ".join("?" * codec.key_width)
        after: RowKey = ("",) * codec.key_width
        sql = f"""SELECT {names} FROM "{store.part.name}${row.spec.table}"
            WHERE ({names}) > ({holes}) AND {condition} at < ?
            ORDER BY {names} LIMIT {STEP_MAX_ROWS}"""
        while keys := await store.reader.query(sql, (*after, to_millis(self._before))):
            after = keys[-1]
            if not self._dry:
                await self._step(store, _delete(codec.table, keys))
            count += len(keys)
        return count

    async def _lanes(self, store: Store) -> None:
        name = store.part.name
        keys = await store.reader.query(
            f"""SELECT lane FROM "{name}$lanes" l WHERE state = '{RETIRED}'
                AND published = next - 1 AND NOT EXISTS
                (SELECT 1 FROM "{name}$outbox" o WHERE o.lane = l.lane)"""
        )
        for at in range(0, len(keys), STEP_MAX_ROWS):
            chunk = keys[at : at + STEP_MAX_ROWS]
            if not self._dry:
                await self._step(store, _delete(store.part.codecs[LaneRow].table, chunk))
            self.pruned.lanes += len(chunk)

    async def _positions(self, store: Store) -> None:
        """Positions on lanes that are no more; their names are never used again."""
        gone: list[tuple[Any, ...]] = []
        for name, publisher in self._stores.items():
            lanes = await publisher.reader.query(f'SELECT lane FROM "{name}$lanes"')
            known = {row[0] for row in lanes}
            rows = await store.reader.query(
                f"""SELECT subscriber, publisher, lane FROM "{store.part.name}$positions"
                    WHERE publisher = ?""",
                (name,),
            )
            gone += [row for row in rows if row[2] not in known]
        for at in range(0, len(gone), STEP_MAX_ROWS):
            chunk = gone[at : at + STEP_MAX_ROWS]
            if not self._dry:
                await self._step(store, _delete(store.part.codecs[Position].table, chunk))
            self.pruned.positions += len(chunk)

    async def _step(self, store: Store, step: "Step") -> None:
        """One transaction, tried again while others are in the way."""
        wait = WAIT_FIRST_S
        for left in reversed(range(TRIES_MAX_COUNT)):
            await asyncio.sleep(PAUSE_S)
            try:
                return await _commit(store.engine, step)
            except (Conflict, LockedOut):
                if not left:
                    raise
            await asyncio.sleep(wait)
            wait *= 2
        return None


#: Reads and writes of one transaction, whose rows are locked.
Step = Callable[[Transaction], Awaitable[None]]


async def _commit(engine: Engine, step: Step) -> None:
    tx = engine.begin(locked=True)
    try:
        await step(tx)
        await tx.commit()
    finally:
        await tx.rollback()


def _delete(table: Table, keys: Sequence[RowKey]) -> Step:
    async def step(tx: Transaction) -> None:
        await tx.fetch({table: keys})
        for key in keys:
            tx.delete(table, key)

    return step


def _blank(part: Part, keys: Sequence[RowKey]) -> Step:
    async def step(tx: Transaction) -> None:
        codec = part.codecs[Entry]
        await tx.fetch({codec.table: keys})
        for key in keys:
            record = tx.seen(codec.table, key)
            if record is not None:
                row = codec.decode(record).but(heard=None)
                tx.put(codec.table, codec.encode(row))

    return step


def _listed(names: Sequence[str] | frozenset[str]) -> str:
    quoted = ", ".join(f"'{name}'" for name in sorted(names))
    return f"({quoted})"
