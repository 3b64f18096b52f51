"""Every event of a dance becomes a row on Cassandra, and its place a row on PostgreSQL: one
transaction of the engine over both."""

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from cassandra.cluster import Cluster
from confluent_kafka import Consumer, Message, TopicPartition

from infra.engine.api import (
    Conflict,
    ConsensusCommit,
    LockedOut,
    Table,
    Type,
    load,
    open_engine,
)
from infra.engine.table import COMMITTED
from tests.e2e.process import PATIENCE_SECONDS, up
from tests.e2e.shop import all_ended, order, post, stock_up

pytestmark = pytest.mark.service

ORDERS_COUNT = 20
#: Events of one transaction.
ROWS_COUNT = 20

#: Topic and partition.
Place = tuple[str, int]
#: Id, type and payload.
Record = tuple[str, str, str]

EVENTS = Table(
    "archive",
    "events",
    {"id": Type.TEXT, "type": Type.TEXT, "payload": Type.TEXT},
    ("id",),
)
PLACES = Table(
    "reading",
    "places",
    {"topic": Type.TEXT, "part": Type.INT, "next": Type.BIGINT},
    ("topic",),
    ("part",),
)


def engine(postgres: str, cassandra: str, folder: Path) -> ConsensusCommit:
    """Event rows on Cassandra, how far they were read on PostgreSQL, with the coordinator."""
    place = postgres.partition("@")[2]
    host, _, port = cassandra.partition(":")
    file = folder / "archive.properties"
    storages = "scalar.db.multi_storage.storages"
    file.write_text(f"""
scalar.db.storage=multi-storage
{storages}=postgres,cassandra
{storages}.postgres.storage=jdbc
{storages}.postgres.contact_points=jdbc:postgresql://{place}
{storages}.postgres.username=odori
{storages}.cassandra.storage=cassandra
{storages}.cassandra.contact_points={host}
{storages}.cassandra.contact_port={port}
scalar.db.multi_storage.namespace_mapping=archive:cassandra,reading:postgres,coordinator:postgres
scalar.db.multi_storage.default_storage=postgres
""")
    return open_engine(load(str(file)))


def header(message: Message, name: str) -> str:
    value = dict(message.headers() or [])[name]
    assert isinstance(value, bytes)
    return value.decode()


def records(kafka: str) -> dict[Place, list[Record]]:
    """Everything that lies on Kafka, as another client than ours reads it."""
    consumer = Consumer({"bootstrap.servers": kafka, "group.id": "archive"})
    found: dict[Place, list[Record]] = {}
    for name, topic in consumer.list_topics(timeout=PATIENCE_SECONDS).topics.items():
        for part in topic.partitions if not name.startswith("__") else ():
            end = consumer.get_watermark_offsets(TopicPartition(name, part))[1]
            consumer.assign([TopicPartition(name, part, 0)])
            found[name, part] = []
            while len(found[name, part]) < end:
                for message in consumer.consume(end, PATIENCE_SECONDS):
                    id_, type_ = (header(message, key) for key in ("ce_id", "ce_type"))
                    found[name, part].append((id_, type_, (message.value() or b"").decode()))
    consumer.close()
    return found


async def archived(archive: ConsensusCommit, place: Place, found: Sequence[Record]) -> int:
    """Keep a partition's records from where somebody stopped; how many transactions lost."""
    topic, part = place
    lost = reached = 0
    while reached < len(found):
        try:
            async with archive.transaction() as tx:
                row = await tx.get(PLACES, place)
                begin = row["next"] if row else 0
                for id_, type_, payload in found[begin : begin + ROWS_COUNT]:
                    await tx.insert(EVENTS, {"id": id_, "type": type_, "payload": payload})
                end = min(begin + ROWS_COUNT, len(found))
                await tx.upsert(PLACES, {"topic": topic, "part": part, "next": end})
        except (Conflict, LockedOut):
            lost += 1
        else:
            reached = end
    return lost


async def test_every_event_is_one_row_on_cassandra_whoever_reads_it_first(
    tmp_path: Path, emptied: str, postgres: str, cassandra: str
) -> None:
    async with up(tmp_path / "data", kafka=emptied) as odori:
        await stock_up(odori)
        for number in range(ORDERS_COUNT):
            await post(odori, "/api/orders", order(f"E-{number}"), {})
        await odori.when(lambda: all_ended(odori.data, ORDERS_COUNT))
        await odori.stop()
    found = await asyncio.to_thread(records, emptied)
    async with AsyncExitStack() as stack:
        archives = [engine(postgres, cassandra, tmp_path) for _ in range(2)]
        for archive in archives:
            stack.push_async_callback(archive.close)
        await archives[0].admin.create_coordinator_tables()
        for table in (EVENTS, PLACES):
            await archives[0].admin.create_table(table)
        lost = await asyncio.gather(
            *(archived(archive, *each) for archive in archives for each in found.items())
        )
        print(f"{sum(map(len, found.values()))} events, {sum(lost)} transactions lost to another")
        async with archives[0].transaction(read_only=True) as tx:
            kept = {row["id"]: (row["type"], row["payload"]) for row in await tx.scan_all(EVENTS)}
    assert kept == {id_: tuple(rest) for each in found.values() for id_, *rest in each}
    host, _, port = cassandra.partition(":")
    with Cluster([host], port=int(port)) as cluster:
        session = cluster.connect()
        states = [r.tx_state for r in session.execute("SELECT tx_state FROM archive.events")]
    assert states == [COMMITTED] * len(kept)
