"""A look at a topic without a group: nobody's position moves."""

from collections.abc import Mapping
from typing import Any

from aiokafka import TopicPartition

from infra.bus.kafka.connection import Connection

#: A look waits this long for records that the broker says are there.
LOOK_WAIT_MS = 5_000
#: Whoever only asks for times waits less: what does not come at once counts as young.
TIMES_WAIT_MS = 500


async def tail(
    connection: Connection, topic: str, *, last: int = 0, since_ms: int | None = None
) -> list[Any]:
    """The last records of a topic over all partitions, or the first ones since a time; `last`
    bounds both."""
    async with connection.reader() as consumer:
        partitions = await consumer._client._wait_on_metadata(topic)
        places = [TopicPartition(topic, number) for number in partitions]
        begin, end = await consumer.beginning_offsets(places), await consumer.end_offsets(places)
        if since_ms is None:
            begin = {p: max(begin[p], end[p] - last) for p in places}
        else:
            found = await consumer.offsets_for_times(dict.fromkeys(places, since_ms))
            begin = {p: at.offset if (at := found[p]) else end[p] for p in places}
            end = {p: min(end[p], begin[p] + last) for p in places}
        records = await _between(consumer, begin, end)
    records.sort(key=lambda r: (r.timestamp, r.partition, r.offset))
    return records[-last:] if since_ms is None else records[:last]


async def first_timestamps(
    connection: Connection, offsets: Mapping[TopicPartition, int]
) -> dict[TopicPartition, int]:
    """The time, in ms, of the record at or after each offset."""
    if not offsets:
        return {}
    async with connection.reader() as consumer:
        ends = {place: offset + 1 for place, offset in offsets.items()}
        records = await _between(consumer, offsets, ends, TIMES_WAIT_MS)
    times: dict[TopicPartition, int] = {}
    for record in records:
        times.setdefault(TopicPartition(record.topic, record.partition), record.timestamp)
    return times


async def _between(
    consumer: Any,
    begin: Mapping[TopicPartition, int],
    end: Mapping[TopicPartition, int],
    wait_ms: int = LOOK_WAIT_MS,
) -> list[Any]:
    left = {place for place in begin if begin[place] < end[place]}
    consumer.assign(left)
    for place in left:
        consumer.seek(place, begin[place])
    records: list[Any] = []
    while left:
        found = await consumer.getmany(*left, timeout_ms=wait_ms)
        if not found:
            break  # marks of transactions at the end are no records
        for place, some in found.items():
            records += [r for r in some if r.offset < end[place]]
        left = {place for place in left if await consumer.position(place) < end[place]}
    return records
