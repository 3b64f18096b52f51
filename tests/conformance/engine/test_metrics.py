"""The engine counts and times what it does, by namespace, and shows its connections."""

import asyncio
from typing import Any

import pytest

from infra.engine.config.settings import CommitOptions, GroupCommitOptions
from infra.engine.errors import Conflict
from infra.engine.metrics import METRICS
from tests.conformance.engine.cases import APPLE, ORDERS, STOCK, Use, read, stored

GROUPED = CommitOptions(one_phase_commit=False, group_commit=GroupCommitOptions(enabled=True))


def sample(name: str, **labels: str) -> float:
    """The value of one sample; 0 where there is none yet."""
    found = [
        one.value
        for metric in METRICS.collect()
        for one in metric.samples
        if one.name == name and one.labels == labels
    ]
    return found[0] if found else 0.0


async def test_reads_scans_and_commits_are_timed_and_ends_counted(use: Use) -> None:
    watched = [
        ("transaction_latency_count", {"operation": "get"}),
        ("transaction_latency_count", {"operation": "scan"}),
        ("transaction_latency_count", {"operation": "commit"}),
        ("transaction_throughput_total", {"status": "committed"}),
        ("transaction_throughput_total", {"status": "conflict"}),
    ]

    def counts() -> list[float]:
        return [sample(name, namespace="shop", **labels) for name, labels in watched]

    async with use() as engine:
        before = counts()
        await stored(engine, (*APPLE, 3, None))
        await read(engine, APPLE)
        await engine.begin().scan(STOCK, ("fruit",))
        with pytest.raises(Conflict):
            await stored(engine, (*APPLE, 3, None))
        assert [now - then for now, then in zip(counts(), before, strict=True)] == [1, 1, 1, 1, 1]


async def test_the_size_of_groups_is_observed(use: Use) -> None:
    async with use(options=GROUPED) as engine:
        before = sample("coordinator_group_commit_size_sum")
        orders = [engine.begin() for _ in range(5)]
        for i, order in enumerate(orders):
            order.insert(ORDERS, (f"o{i}", "new"))
        await asyncio.gather(*(order.commit() for order in orders))
        assert sample("coordinator_group_commit_size_sum") - before == 5


async def test_connections_in_use_are_shown_by_storage(use: Use) -> None:
    async with use() as engine:
        (name, *_) = engine.storages
        idle = sample("connection_pool_active", storage=name)
        locked: Any = engine.begin(locked=True)
        reading = asyncio.create_task(locked.fetch({STOCK: [APPLE]}))
        most = idle
        while not reading.done():
            await asyncio.wait({reading}, timeout=0)
            most = max(most, sample("connection_pool_active", storage=name))
        await locked.rollback()
        assert most == idle + 1
        assert sample("connection_pool_active", storage=name) == idle
