"""The servers that tests start: they answer, survive a kill with their data, and go entirely."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg
import pytest
from cassandra.cluster import Cluster, Session

from tests.services import cassandra, need, postgres
from tests.services.process import Server, family

pytestmark = pytest.mark.service


def gone(server: Server, end: Callable[[], None]) -> set[int]:
    """End a server; the processes of it that are left."""
    assert server.process
    before = family(server.process.pid)
    end()
    return {pid for pid in before if Path(f"/proc/{pid}").exists()}


async def paid(server: postgres.Postgres) -> int:
    connection = await asyncpg.connect(server.url)
    try:
        amount: int = await connection.fetchval("SELECT amount FROM payment")
        return amount
    finally:
        await connection.close()


async def test_postgresql_keeps_commits_when_it_is_killed_and_leaves_no_process() -> None:
    need(postgres.lacking())
    with postgres.running() as server:
        connection = await asyncpg.connect(server.url)
        await connection.execute("CREATE TABLE payment (amount int)")
        await connection.execute("INSERT INTO payment VALUES (42)")
        assert await connection.fetchval("SHOW fsync") == "on"
        assert gone(server, server.kill) == set()
        await connection.close()
        server.start()
        assert await paid(server) == 42
        assert gone(server, server.stop) == set()


@contextmanager
def session(server: cassandra.Cassandra) -> Iterator[Session]:
    with Cluster(["127.0.0.1"], port=server.port) as cluster:
        yield cluster.connect()


def test_cassandra_keeps_what_was_acknowledged_when_it_is_killed_and_leaves_no_process() -> None:
    need(cassandra.lacking())
    with cassandra.running() as server:
        with session(server) as first:
            first.execute(
                "CREATE KEYSPACE shop WITH replication ="
                " {'class': 'SimpleStrategy', 'replication_factor': 1}"
            )
            first.execute("CREATE TABLE shop.payment (id int PRIMARY KEY, amount int)")
            first.execute("INSERT INTO shop.payment (id, amount) VALUES (1, 42) IF NOT EXISTS")
        assert gone(server, server.kill) == set()
        server.start()
        with session(server) as second:
            assert second.execute("SELECT amount FROM shop.payment").one().amount == 42
        assert gone(server, server.stop) == set()
