"""A data folder and the topics of version 1, on a real Kafka, go on under today's Odori."""

import asyncio
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer

from infra.bus.kafka.connection import Connection, Topic
from infra.settings import Settings
from tests.e2e.books import check_once
from tests.e2e.process import PATIENCE_SECONDS, run, up
from tests.e2e.shop import all_ended, order, post, query, statuses

pytestmark = pytest.mark.service

V1 = Path(__file__).parents[1] / "fixtures" / "v1"


async def produce(address: str, written: list[dict[str, Any]]) -> None:
    """Put records on their topics as they were: keys, values, headers, order."""
    topics = [
        Topic(name, Settings.partitions, 1, {}) for name in {record["topic"] for record in written}
    ]
    await Connection(address).create_topics(topics)
    producer = Producer({"bootstrap.servers": address})
    for record in written:
        headers = [(name, value.encode()) for name, value in record["headers"].items()]
        key, value = record["key"].encode(), record["value"].encode()
        producer.produce(record["topic"], key=key, value=value, headers=headers)
    assert await asyncio.to_thread(producer.flush, PATIENCE_SECONDS) == 0


async def test_orders_of_version_1_end_over_kafka_and_new_ones_dance_with_them(
    tmp_path: Path, emptied: str
) -> None:
    with tarfile.open(V1 / "data.tar.xz") as archive:
        archive.extractall(tmp_path, filter="data")
    before = statuses(tmp_path)
    under_way = [order_id for order_id, status in before.items() if status == "PLACED"]
    assert len(under_way) > 3
    written = [json.loads(line) for line in (V1 / "topics.jsonl").read_text().splitlines()]
    await produce(emptied, written)
    async with up(tmp_path, kafka=emptied) as odori:
        await odori.when(lambda: all_ended(tmp_path, len(before)))
        rice = {"productId": "rice", "quantity": 1}  # known from a record of version 1 only
        await odori.when(lambda: knows_rice(tmp_path))
        await post(odori, "/api/orders", order("new", items=[rice]), {})
        await odori.when(lambda: all_ended(tmp_path, len(before) + 1))
        code, said, errors = await run("check", "--data", tmp_path, "--wait", PATIENCE_SECONDS)
        assert (code, errors) == (0, ""), said
        await odori.stop()
    after = statuses(tmp_path)
    assert after["new"] == "CONFIRMED"
    assert {i: status for i, status in after.items() if i in before and i not in under_way} == {
        i: status for i, status in before.items() if i not in under_way
    }
    check_once(tmp_path, after)


def knows_rice(data: Path) -> bool:
    sql = "SELECT 1 FROM \"order$listing\" WHERE product_id = 'rice'"
    return query(data, "order", sql) == [(1,)]
