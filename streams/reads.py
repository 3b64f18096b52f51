"""What a batch reads: its ledger rows, and those rows that its steps declare or ask for."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from contextlib import suppress

from compensations.ledger import Entry, State
from domains.row import Row, RowKey
from infra.engine.engine import Transaction
from infra.engine.table import Table
from streams.cache import RowCache
from streams.delivery import Delivery
from streams.perform import Performance
from streams.rows import Idempotent, ParkedHead, TimerDue
from streams.topology import Part
from streams.workspace import Address, Workspace


def wanted(part: Part, batch: Sequence[Delivery]) -> list[Address]:
    """The ledger, parked and timer rows of the batch, and what its steps declare to read."""
    found: list[Address] = []
    for delivery in batch:
        body, saga = delivery.body, delivery.saga
        if delivery.timer is not None:
            found.append((TimerDue, delivery.timer))
        route = part.routes.get(type(body)) if body is not None else None
        if route is None:
            continue
        found.append((ParkedHead, (saga,)))
        if delivery.idempotency is not None:
            found.append((Idempotent, delivery.idempotency[:2]))
        found += [(Entry, (saga, step.name, "")) for step in route.undone]
        for step in route.forward:
            with suppress(Exception):  # what a step declares wrongly, it runs into itself
                subject = step.subject(body) if step.subject else ""
                found.append((Entry, (saga, step.name, subject)))
                if step.reads is not None:
                    found += step.reads(body)
    return found


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

    async def fetch(self, ws: Workspace, addresses: Iterable[Address]) -> None:
        """Load those of the rows that the workspace does not know."""
        keys: dict[type[Row], dict[RowKey, None]] = defaultdict(dict)
        for row, key in ws.unread(addresses):
            cached = self._cache.get(row, key) if self._cache is not None else None
            if cached is None:
                keys[row][key] = None
            else:
                self._tx.assume(self._codecs[row].table, key, cached[0])
                ws.load(row, key, cached[1])
        if not keys:
            return
        tables: dict[Table, Iterable[RowKey]] = {self._codecs[r].table: k for r, k in keys.items()}
        await self._tx.fetch(tables)
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
