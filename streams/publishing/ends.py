"""How orders ended: from the stores where they are at hand, else from the web server.

The ledger tells it all. `order.place` refused: rejected. `order.confirm` done: confirmed.
`order.place` undone: cancelled, and its end is complete when every step that the failure takes back
has been taken back (or found that it never may run).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from compensations.ledger import Entry, State
from compensations.table import TABLE, undone_on
from domains.order.rows import Listing, Order
from infra.engine.table import Key, Record, Table
from schemas.message import Command, Failure
from streams.codec import to_millis
from streams.readers import ReadStore
from streams.story import story
from streams.topology import Topology

ORDER, PLACE, CONFIRM = "order", "order.place", "order.confirm"
CONFIRMED, CANCELLED, REJECTED = "confirmed", "cancelled", "rejected"
#: Why an order was rejected whose messages are pruned; what HTTP says of it, too.
REFUSED_BEFORE = "refused before"

#: (order id, customer id).
OrderKey = tuple[str, str]


@dataclass(frozen=True)
class End:
    """How one order ended; times are those of the commits that placed and ended it."""

    order_id: str
    outcome: str
    reason: str = ""
    accepted_ms: int = 0
    ended_ms: int = 0
    undone: tuple[str, ...] = field(default=())


class Ends(Protocol):
    """Where ends can be looked up."""

    async def look(self, orders: Sequence[OrderKey]) -> list[End]:
        """The ends of those orders that have ended."""

    async def unlisted(self, products: Sequence[str]) -> set[str]:
        """Those products that order has not heard of yet."""

    async def undone(self, commands: Sequence[Command]) -> list[Command]:
        """Those commands that are not known to have been carried out before."""


class StoreEnds:
    """Reads ledgers, orders and failures of a data folder; a few look-ups by key per order."""

    def __init__(self, stores: Mapping[str, ReadStore], topology: Topology) -> None:
        self._stores = stores
        self._topology = topology
        self._steps = [*TABLE, CONFIRM]

    async def unlisted(self, products: Sequence[str]) -> set[str]:
        store = self._stores[ORDER]
        table = store.codec(Listing).table
        found = await _rows(store, table, [(product,) for product in products])
        return set(products) - {str(record.values[0]) for record in found}

    async def undone(self, commands: Sequence[Command]) -> list[Command]:
        known: set[tuple[str, Key]] = set()
        keys = [(command.spec.domain, self._effect(command)) for command in commands]
        for domain, store in self._stores.items():
            codec = store.codec(Entry)
            mine = [key for name, key in keys if name == domain]
            known |= {(domain, r.values[:3]) for r in await _rows(store, codec.table, mine)}
        return [c for c, key in zip(commands, keys, strict=True) if key not in known]

    def _effect(self, command: Command) -> Key:
        """The ledger key of what the command asks for."""
        step = self._topology.parts[command.spec.domain].routes[type(command)].forward[0]
        subject = step.subject(command) if step.subject else ""
        return command.spec.saga(command), step.name, subject

    async def look(self, orders: Sequence[OrderKey]) -> list[End]:
        ids = [order for order, _ in orders]
        ledger = await self._ledger(ids, self._steps)
        failures = await self._failures([ledger[o, PLACE] for o in ids if (o, PLACE) in ledger])
        rows = await self._orders(orders)
        placed = [o for o in ids if (o, PLACE) in ledger]
        ends = [self._end(o, ledger, failures, rows.get(o)) for o in placed]
        refused = (ledger[o, PLACE] for o in placed if ledger[o, PLACE].state == State.REFUSED)
        return [end for end in ends if end] + [await self._rejected(entry) for entry in refused]

    async def _rejected(self, placed: Entry) -> End:
        """An order that was not accepted: the ledger knows that, its announcement knows why."""
        told = await story({ORDER: self._stores[ORDER]}, self._topology, placed.saga)
        said = (m.body for moment in (told.moments if told else ()) for m in moment.said)
        reason = next((str(body["reason"]) for body in said if "reason" in body), REFUSED_BEFORE)
        at = to_millis(placed.at)
        return End(placed.saga, REJECTED, reason, at, at)

    def _end(
        self,
        order: str,
        ledger: Mapping[tuple[str, str], Entry],
        failures: Mapping[str, type[Failure]],
        row: Order | None,
    ) -> End | None:
        placed, confirmed = ledger[order, PLACE], ledger.get((order, CONFIRM))
        accepted = to_millis(placed.at)
        if confirmed is not None and confirmed.state == State.DONE:
            return End(order, CONFIRMED, "", accepted, to_millis(confirmed.at))
        if placed.undone_at is None or row is None:
            return None
        failure = failures.get(placed.undone_by or "")
        entries = {
            step: ledger.get((order, step)) for step in (undone_on(failure) if failure else TABLE)
        }
        left = any(entry is None or entry.state == State.DONE for entry in entries.values())
        if failure and left:  # one that is pruned was heard by all whom it concerns
            return None
        undone = tuple(step for step, e in entries.items() if e and e.state == State.UNDONE)
        ended = to_millis(placed.undone_at)
        return End(order, CANCELLED, row.reason or "", accepted, ended, undone)

    async def _ledger(
        self, sagas: Sequence[str], steps: Sequence[str]
    ) -> dict[tuple[str, str], Entry]:
        found: dict[tuple[str, str], Entry] = {}
        for name, store in self._stores.items():
            mine = [step.partition(".")[2] for step in steps if step.startswith(f"{name}.")]
            codec = store.codec(Entry)
            keys = [(saga, step, "") for saga in sagas for step in mine]
            for record in await _rows(store, codec.table, keys):
                entry = codec.decode(record)
                found[entry.saga, f"{name}.{entry.step}"] = entry
        return found

    async def _failures(self, placed: Sequence[Entry]) -> dict[str, type[Failure]]:
        """The failures that undid orders, by message id `<lane>-<sequence>`."""
        keys: dict[str, list[tuple[str, int]]] = {}
        for entry in placed:
            lane, _, sequence = (entry.undone_by or "").rpartition("-")
            domain = lane.rpartition("-")[0]
            if domain in self._stores and sequence.isdecimal():
                keys.setdefault(domain, []).append((lane, int(sequence)))
        found: dict[str, type[Failure]] = {}
        for domain, wanted in keys.items():
            store = self._stores[domain]
            for record in await _rows(store, store.part.outbox, wanted):
                message, _ = self._topology.catalogue.by_type[str(record.values[5])]
                if issubclass(message, Failure):
                    found[str(record.values[2])] = message
        return found

    async def _orders(self, orders: Sequence[OrderKey]) -> dict[str, Order]:
        store = self._stores[ORDER]
        codec = store.codec(Order)
        records = await _rows(store, codec.table, [(customer, order) for order, customer in orders])
        rows = (codec.decode(record) for record in records)
        return {row.order_id: row for row in rows}


async def _rows(store: ReadStore, table: Table, keys: Sequence[Key]) -> list[Record]:
    async with store.reader.begin() as snapshot:
        await snapshot.fetch({table: keys})
        found = (snapshot.seen(table, key) for key in dict.fromkeys(keys))
        return [record for record in found if record is not None]
