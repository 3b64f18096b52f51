"""What a batch reads: its ledger rows, and those rows that its steps declare or ask for."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import NamedTuple

from compensations.ledger import Entry, State
from domains.row import Row, RowKey
from infra.engine.engine import Transaction
from streams.cache import RowCache
from streams.delivery import Delivery
from streams.perform import Performance
from streams.rows import Idempotent, ParkedHead, TimerDue
from streams.topology import Part
from streams.workspace import Address, Workspace


class Wanted(NamedTuple):
    """Rows that a batch needs: those to be read, and those that are probably absent."""

    known: list[Address]
    new: list[Address]


def wanted(part: Part, batch: Sequence[Delivery]) -> Wanted:
    """The ledger, parked and timer rows of the batch, and what its steps declare to read.

    The ledger row of a forward step, and rows named after the saga, are probably new.
    """
    known: list[Address] = []
    new: list[Address] = []
    routes = part.routes
    for delivery in batch:
        body, saga = delivery.body, delivery.saga
        if delivery.timer is not None:
            known.append((TimerDue, delivery.timer))
        route = routes.get(type(body)) if body is not None else None
        if route is None:
            continue
        known.append((ParkedHead, (saga,)))
        if delivery.idempotency is not None:
            new.append((Idempotent, delivery.idempotency[:2]))
        if route.undone:
            known += [(Entry, (saga, step.name, "")) for step in route.undone]
        for step in route.forward:
            try:  # what a step declares wrongly, it runs into itself
                subject = step.subject(body) if step.subject else ""
                new.append((Entry, (saga, step.name, subject)))
                for address in step.reads(body) if step.reads is not None else ():
                    (new if saga in address[1] else known).append(address)
            except Exception:
                continue
    return Wanted(known, new)


def wanted_by_undos(show: Performance, batch: Sequence[Delivery]) -> list[Address]:
    """What the undos of the batch declare to read, which their ledger rows tell."""
    found: list[Address] = []
    for delivery in batch:
        route = show.part.routes.get(type(delivery.body)) if delivery.body else None
        for step in route.undone if route else ():
            entry = show.ws.get(Entry, delivery.saga, step.name, "")
            if entry and entry.state == State.DONE and step.undo and step.undo.reads:
                with suppress(Exception):
                    found += step.undo.reads(delivery.body, show.heard(entry))
    return found


class Reads:
    """Rows of one transaction, from the cache where one is given, else set-wise from the store."""

    def __init__(self, part: Part, tx: Transaction, cache: RowCache | None) -> None:
        self._codecs = part.codecs
        self._tx = tx
        self._cache = cache

    async def fetch(
        self, ws: Workspace, known: Iterable[Address], new: Iterable[Address] = ()
    ) -> None:
        """Load those of the rows that the workspace does not know; `new` ones are only supposed to
        be absent, as long as nothing was seen of them, which `prove` has to confirm."""
        keys: dict[type[Row], dict[RowKey, None]] = defaultdict(dict)
        if self._cache is None:
            for row, key in ws.unread([*known, *new]):
                keys[row][key] = None
        else:
            for row, key in ws.unread(known):
                if not self._cached(self._cache, ws, row, key):
                    keys[row][key] = None
            for row, key in ws.unread(new):
                if self._cached(self._cache, ws, row, key):
                    continue
                if self._cache.never_seen(row, key):
                    ws.suppose(row, key)
                else:
                    keys[row][key] = None
        await self._load(ws, keys)

    async def prove(self, ws: Workspace) -> bool:
        """Look up what was supposed absent and was not written, so that no primary key decides;
        False if something is there after all, and the pass must be run again."""
        keys: dict[type[Row], dict[RowKey, None]] = defaultdict(dict)
        for row, key in ws.unproven():
            keys[row][key] = None
        await self._load(ws, keys)
        return all(ws.absent(row, key) for row, found in keys.items() for key in found)

    def _cached(self, cache: RowCache, ws: Workspace, row: type[Row], key: RowKey) -> bool:
        if row is ParkedHead:
            if key[0] in cache.parked:
                return False
            ws.load(row, key, None)
            return True
        cached = cache.get(row, key)
        if cached is None:
            return False
        self._tx.assume(self._codecs[row].table, key, cached[0])
        ws.load(row, key, cached[1])
        return True

    async def _load(self, ws: Workspace, keys: Mapping[type[Row], Iterable[RowKey]]) -> None:
        if not keys:
            return
        await self._tx.fetch({self._codecs[row].table: found for row, found in keys.items()})
        for row, found in keys.items():
            codec, seen = self._codecs[row], self._tx.seen
            for key in found:
                record = seen(codec.table, key)
                ws.load(row, key, None if record is None else codec.decode(record))

    async def scan(self, ws: Workspace, partitions: Iterable[Address]) -> None:
        """Load whole partitions."""
        for row, partition in partitions:
            codec = self._codecs[row]
            records = await self._tx.scan(codec.table, partition)
            ws.load_scan(row, partition, [codec.decode(record) for record in records])
