"""Timers: rows with a due time that come back as deliveries."""

from datetime import datetime

from schemas.catalogue import Catalogue, SchemaError
from streams.codec import to_millis
from streams.delivery import Delivery, Via
from streams.envelope import Envelope
from streams.parked import RetryParked
from streams.rows import TIMER_SHARD, TimerDue
from streams.store import Store

#: Timers that fire in one batch.
TIMERS_MAX_COUNT = 500


async def next_due(store: Store) -> int | None:
    """When the earliest timer of this store is due (epoch ms)."""
    rows = await _scan(store, None, 1)
    return rows[0].due if rows else None


async def due_deliveries(store: Store, catalogue: Catalogue, now: datetime) -> list[Delivery]:
    """The deliveries of the timers that are due; handling one deletes its row."""
    rows = await _scan(store, to_millis(now), TIMERS_MAX_COUNT)
    return [_delivery(row, store.part.name, catalogue) for row in rows]


async def _scan(store: Store, until: int | None, limit: int) -> list[TimerDue]:
    codec = store.codec(TimerDue)
    end = None if until is None else (until,)
    async with store.reader.begin() as snapshot:
        records = await snapshot.scan(codec.table, (TIMER_SHARD,), end=end, limit=limit)
    return [codec.decode(record) for record in records]


def _delivery(row: TimerDue, domain: str, catalogue: Catalogue) -> Delivery:
    envelope = Envelope(
        id=f"timer-{row.due}-{row.saga}", source=f"/odori/{domain}/timer", type=row.type,
        topic=f"{domain}.timers", key=row.saga, payload=row.payload.encode(), saga=row.saga,
        cause=row.cause, traceparent=row.traceparent, origin=row.traceparent,
    )  # fmt: skip
    delivery = Delivery(envelope, Via.TIMER, timer=row.key, saga=row.saga)
    try:
        if row.type == RetryParked.spec.wire:
            delivery.body = RetryParked.parse(envelope.payload)
        else:
            delivery.body = envelope.decoded(catalogue)
    except SchemaError as error:
        delivery.error = error
    return delivery
