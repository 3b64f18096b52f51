"""A broker that is killed, is gone for a while, or refuses."""

import asyncio
import socket
from collections import defaultdict

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.records_to_delete import RecordsToDelete
from aiokafka.structs import TopicPartition

from infra.bus.errors import BusUnreachable, PositionLost, TopicRefused
from infra.bus.kafka import sender
from infra.bus.kafka.connection import Connection, Topic
from infra.bus.kafka.receiver import Receiver
from infra.bus.kafka.sender import Outgoing, Sender
from streams.bus import TopicSpec
from streams.kafka_bus import KafkaBus
from tests.kafka.records import PATIENCE_SECONDS, hear, new_topic, receiving, record, send
from tests.services import need
from tests.services.kafka import lacking, running
from tests.services.process import free_ports

pytestmark = pytest.mark.service


async def publish_all(line: Sender, topic: str, last: int, half_way: asyncio.Event) -> None:
    """Send numbers from 1 on as a relay does: again from the first that is not acknowledged."""
    reached = 0
    while reached < last:
        batch = [record(topic, n) for n in range(reached + 1, min(reached + 50, last) + 1)]
        reached += await line.send(batch)
        if reached > last // 2:
            half_way.set()


async def test_nothing_is_lost_when_the_broker_is_killed_and_comes_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    need(lacking())
    monkeypatch.setattr(sender, "SEND_LIMIT_SECONDS", 1.0)  # less than a restart takes
    with running() as server:
        topic, last = await new_topic(server.address), 5_000
        line, half_way = Sender(Connection(server.address)), asyncio.Event()
        async with receiving(server.address, "survivor.e1", topic) as receiver:
            publishing = asyncio.create_task(publish_all(line, topic, last, half_way))
            hearing = asyncio.create_task(hear(receiver, last))
            await half_way.wait()
            await asyncio.to_thread(server.kill)
            await asyncio.to_thread(server.start)
            await asyncio.wait_for(publishing, PATIENCE_SECONDS)
            heard = await hearing
        await line.close()
    firsts = defaultdict(list)
    for number in dict.fromkeys(heard):
        firsts[number % 5].append(number)
    assert all(numbers == sorted(numbers) for numbers in firsts.values())


async def test_sending_and_closing_end_though_the_broker_is_gone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    need(lacking())
    with running() as server:
        topic = await new_topic(server.address)
        line = Sender(Connection(server.address))
        assert await line.send([record(topic, 1)]) == 1
        monkeypatch.setattr(sender, "STOP_LIMIT_SECONDS", 0.2)
        monkeypatch.setattr(sender, "SEND_LIMIT_SECONDS", 0.2)
        await asyncio.to_thread(server.kill)
        assert await line.send([record(topic, 2)]) == 0
        assert await line.send([record(topic, 2)]) == 0
        async with asyncio.timeout(PATIENCE_SECONDS):
            await line.close()


async def test_closing_leaves_all_groups_at_the_same_time(
    kafka: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each may take seconds where the broker is gone; one after another they add up."""
    bus, names = KafkaBus(kafka), ("one", "two", "three")
    topic, together, close = await new_topic(kafka), asyncio.Barrier(len(names)), Receiver.close

    async def close_with_the_others(receiver: Receiver) -> None:
        await together.wait()
        await close(receiver)

    for name in names:
        await bus.subscribe(name, [topic])
    monkeypatch.setattr(Receiver, "close", close_with_the_others)
    async with asyncio.timeout(PATIENCE_SECONDS):
        await bus.close()
    assert not together.n_waiting


async def test_no_broker_at_the_start_is_told_in_one_sentence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    address = f"127.0.0.1:{free_ports(1)[0]}"
    with pytest.raises(BusUnreachable, match=f"no Kafka answers at {address}"):
        await KafkaBus(address, wait_seconds=0).start([])


async def test_a_record_that_is_refused_stops_its_lane_without_a_gap(kafka: str) -> None:
    topic = await new_topic(kafka, partitions=1)
    line = Sender(Connection(kafka))
    too_large: Outgoing = (topic, b"key-2", b"x" * 2_000_000, [])
    batch = [record(topic, 1), too_large, record(topic, 3)]
    assert await line.send(batch) == 1
    assert await line.send(batch[1:]) == 0
    assert await line.send([record(topic, 2)]) == 1
    await line.close()
    async with receiving(kafka, "gapless.e1", topic) as receiver:
        assert await hear(receiver, 2) == [1, 2]


async def test_a_topic_with_fewer_partitions_is_left_alone_and_the_ways_out_are_told(
    kafka: str,
) -> None:
    topic = await new_topic(kafka, partitions=1)
    await send(kafka, topic, 1, 1)  # taken: by now the broker tells everybody of its topic
    with pytest.raises(TopicRefused, match=f"{topic} has 1 of 4; set ODORI_PARTITIONS=1, or"):
        await KafkaBus(kafka).start([TopicSpec(topic, 4, 1, 1_000)])


async def test_a_broker_that_takes_connections_and_never_answers_is_not_waited_for_longer() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        async with asyncio.timeout(PATIENCE_SECONDS):
            with pytest.raises(BusUnreachable, match=f"no Kafka answers at {address}, for 1 s"):
                await KafkaBus(address, wait_seconds=1).start([])


async def test_a_topic_the_broker_cannot_make_is_told_with_the_reason(kafka: str) -> None:
    with pytest.raises(TopicRefused, match="replication factor"):
        await Connection(kafka).create_topics([Topic("three-copies", 1, 3, {})])


async def test_messages_deleted_before_they_were_handled_stop_the_subscriber(kafka: str) -> None:
    topic = await new_topic(kafka, partitions=1)
    await send(kafka, topic, 1, 2)
    async with receiving(kafka, "late.e1", topic) as receiver:
        await hear(receiver, 2)
    await send(kafka, topic, 3, 9)
    await delete_before(kafka, topic, 5)
    async with receiving(kafka, "late.e1", topic) as receiver:
        with pytest.raises(PositionLost, match="odori refill"):
            await asyncio.wait_for(receiver.poll(1, 1), PATIENCE_SECONDS)
    async with receiving(kafka, "new.e1", topic) as receiver:
        assert [int(r.value) for r in await receiver.poll(100, 1 << 20)] == [6, 7, 8, 9]


async def delete_before(address: str, topic: str, offset: int) -> None:
    """What retention does, at once."""
    admin = AIOKafkaAdminClient(bootstrap_servers=address)
    await admin.start()
    await admin.delete_records({TopicPartition(topic, 0): RecordsToDelete(offset)})
    await admin.close()
