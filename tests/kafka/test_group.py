"""Members of a group that come, go, hang and die: everything is heard, nothing is skipped."""

import asyncio
import signal
import sys
from asyncio.subprocess import PIPE, Process
from pathlib import Path
from typing import Any

import pytest
from aiokafka.structs import TopicPartition

from infra.bus.kafka.connection import Connection
from infra.bus.kafka.receiver import Receiver
from tests.kafka.member import LONG_SESSION
from tests.kafka.records import (
    PATIENCE_SECONDS,
    hear,
    new_topic,
    numbers,
    places,
    receiving,
    send,
)

pytestmark = pytest.mark.service
ROOT = Path(__file__).parents[2]


async def member(*arguments: str) -> Process:
    """A member in a process of its own that has joined its group."""
    command = [sys.executable, "-m", "tests.kafka.member", *arguments]
    process = await asyncio.create_subprocess_exec(*command, stdout=PIPE, cwd=ROOT)
    await until(process, "ready")
    return process


async def until(process: Process, wanted: str) -> list[str]:
    """The lines the member prints, up to the one wanted."""
    assert process.stdout is not None
    lines: list[str] = []
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not lines or lines[-1] != wanted:
            line = await process.stdout.readline()
            assert line, f"the member ended before it said {wanted}: {lines}"
            lines.append(line.decode().strip())
    return lines


async def committed(address: str, group: str, topic: str) -> int:
    """The sum of what a group has committed over a topic's two partitions."""
    consumer = Connection(address).consumer(group_id=group)
    await consumer.start()
    offsets = [await consumer.committed(TopicPartition(topic, n)) for n in range(2)]
    await consumer.stop()
    return sum(offset or 0 for offset in offsets)


async def test_a_member_killed_between_poll_and_done_leaves_all_to_the_next(kafka: str) -> None:
    topic = await new_topic(kafka)
    process = await member(kafka, "killed.e1", topic, "--hold")
    await send(kafka, topic, 1, 1)
    await until(process, "1")
    process.kill()
    await process.wait()
    async with receiving(kafka, "killed.e1", topic) as receiver:
        assert await hear(receiver, 1) == [1]


async def test_a_killed_member_is_not_waited_for_by_the_next_of_its_name(kafka: str) -> None:
    topic = await new_topic(kafka)
    process = await member(kafka, "named.e1", topic, "--hold", "--name", "odori-a")
    await send(kafka, topic, 1, 1)
    await until(process, "1")
    process.kill()
    await process.wait()
    receiver = Receiver(Connection(kafka), "named.e1", "odori-a", **LONG_SESSION)
    began = asyncio.get_running_loop().time()
    await receiver.start([topic])
    assert await hear(receiver, 1) == [1]
    assert asyncio.get_running_loop().time() - began < LONG_SESSION["session_timeout_ms"] / 3_000
    await receiver.close()


async def test_of_three_named_members_one_is_killed_and_comes_back_without_a_rebalance(
    kafka: str,
) -> None:
    topic, group = await new_topic(kafka, partitions=6), "static.e1"
    mine = [Receiver(Connection(kafka), group, f"odori-{n}", **LONG_SESSION) for n in "ab"]
    await asyncio.gather(*(receiver.start([topic]) for receiver in mine))
    process = await member(kafka, group, topic, "--name", "odori-c")
    await shared(mine, [2, 2])
    before = [receiver._consumer.assignment() for receiver in mine]
    await send(kafka, topic, 1, 60)
    in_hand = [await receiver.poll(100, 1 << 20) for receiver in mine]
    process.kill()
    await process.wait()
    process = await member(kafka, group, topic, "--name", "odori-c")
    for receiver, records in zip(mine, in_hand, strict=True):
        receiver.done(places(records))  # a rebalance would have given them to somebody else
        await receiver._commit_now()
        for place in {(r.topic, r.partition) for r in records}:
            assert await receiver._consumer.committed(TopicPartition(*place))
    assert [receiver._consumer.assignment() for receiver in mine] == before
    process.send_signal(signal.SIGTERM)  # who leaves on purpose is not waited for
    assert await asyncio.wait_for(process.wait(), PATIENCE_SECONDS) == 0
    await shared(mine, [3, 3])
    await asyncio.gather(*(receiver.close() for receiver in mine))


async def test_a_member_of_another_name_stays_in_the_group(kafka: str) -> None:
    topic = await new_topic(kafka)
    process = await member(kafka, "others.e1", topic, "--name", "odori-a")
    admin = Connection(kafka)
    await admin.bury("others.e1", "odori-b")
    await send(kafka, topic, 1, 1)
    await until(process, "1")
    await admin.bury("others.e1", "odori-a")  # it was alive: it comes back by itself
    await send(kafka, topic, 2, 2)
    await until(process, "2")
    process.send_signal(signal.SIGTERM)
    assert await asyncio.wait_for(process.wait(), PATIENCE_SECONDS) == 0


async def test_a_member_paused_past_its_session_comes_back_by_itself(kafka: str) -> None:
    topic = await new_topic(kafka)
    process = await member(kafka, "paused.e1", topic)
    await send(kafka, topic, 1, 1)
    await until(process, "1")
    process.send_signal(signal.SIGSTOP)
    async with receiving(kafka, "paused.e1", topic) as other:  # joins once that session is over
        await send(kafka, topic, 2, 2)
        heard = await hear_one(other, 2)
        process.send_signal(signal.SIGCONT)
    assert 2 in heard
    await send(kafka, topic, 3, 3)
    await until(process, "3")
    process.send_signal(signal.SIGTERM)
    assert await asyncio.wait_for(process.wait(), PATIENCE_SECONDS) == 0
    assert await committed(kafka, "paused.e1", topic) == 3


async def shared(members: list[Receiver], wanted: list[int]) -> None:
    """Return when these members have so many partitions each."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while [len(m._consumer.assignment()) for m in members] != wanted:
            await asyncio.wait([asyncio.ensure_future(m._consumer.topics()) for m in members])


async def hear_one(receiver: Receiver, number: int) -> list[int]:
    """Poll until this number came."""
    heard: list[int] = []
    async with asyncio.timeout(PATIENCE_SECONDS):
        while number not in heard:
            records = await receiver.poll(100, 1 << 20)
            heard += numbers(records)
            receiver.done(places(records))
    return heard


async def test_members_that_come_and_go_hear_everything_between_them(kafka: str) -> None:
    topic = await new_topic(kafka, partitions=4)
    heard: set[int] = set()
    async with receiving(kafka, "shared.e1", topic) as first:
        hearing = asyncio.create_task(collect(first, heard))
        await send(kafka, topic, 1, 500)
        async with receiving(kafka, "shared.e1", topic) as second:
            also = asyncio.create_task(collect(second, heard))
            await send(kafka, topic, 501, 1_000)
            async with asyncio.timeout(PATIENCE_SECONDS):
                while not set(range(1, 1_001)) <= heard:
                    await asyncio.wait([hearing, also], timeout=0.05)
            also.cancel()
            await asyncio.wait([also])
        await send(kafka, topic, 1_001, 1_500)
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not set(range(1, 1_501)) <= heard:
                await asyncio.wait([hearing], timeout=0.05)
        hearing.cancel()
        await asyncio.wait([hearing])


async def collect(receiver: Receiver, heard: set[int]) -> None:
    while True:
        records = await receiver.poll(100, 1 << 20)
        heard.update(numbers(records))
        receiver.done(places(records))


async def test_a_rebalance_delivers_again_what_the_member_has_in_hand(kafka: str) -> None:
    topic = await new_topic(kafka)
    await send(kafka, topic, 1, 10)
    async with receiving(kafka, "hands.e1", topic) as first:
        in_hand: list[Any] = []
        async with asyncio.timeout(PATIENCE_SECONDS):
            while len(in_hand) < 10:
                in_hand += await first.poll(100, 1 << 20)
        async with receiving(kafka, "hands.e1", topic) as second:
            first.done(places(in_hand))  # too late: these partitions were given back
            again: set[int] = set()
            async with asyncio.timeout(PATIENCE_SECONDS):
                for receiver in (first, second):  # one partition each
                    again.update(numbers(await receiver.poll(100, 1 << 20)))
    assert again == set(range(1, 11))
    assert await committed(kafka, "hands.e1", topic) == 0


async def test_offsets_committed_never_pass_a_record_that_is_not_done(kafka: str) -> None:
    topic = await new_topic(kafka, partitions=1)
    await send(kafka, topic, 1, 6)
    async with receiving(kafka, "holes.e1", topic) as receiver:
        records: list[Any] = []
        async with asyncio.timeout(PATIENCE_SECONDS):
            while len(records) < 6:
                records += await receiver.poll(100, 1 << 20)
        receiver.done(places(records[:2] + records[4:]))
    async with receiving(kafka, "holes.e1", topic) as receiver:
        assert numbers(await receiver.poll(100, 1 << 20)) == [3, 4, 5, 6]
