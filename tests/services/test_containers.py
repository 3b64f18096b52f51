"""Containers of servers: they answer, survive a kill with their data and port, and go entirely."""

import re
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count

import asyncpg
import pytest
import yaml
from cassandra import DriverException
from cassandra.cluster import Cluster, NoHostAvailable, Session

from infra import containers
from tests.services import compose, need

#: How many rows Cassandra acknowledges before somebody kills it, while it is given more.
BEFORE_KILL_COUNT = 500
KEYSPACE = """CREATE KEYSPACE shop
    WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}"""
KINDS = (containers.Kafka, containers.Postgres, containers.Cassandra)


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_the_image_that_compose_runs(kind: type[containers.Container]) -> None:
    services = yaml.safe_load(compose.FILE.read_text())["services"]
    assert kind.image in {service["image"] for service in services.values()}


@pytest.mark.service
@pytest.mark.parametrize("kind", KINDS)
def test_it_is_there_again_after_a_pause_a_stop_and_a_kill_and_gone_in_the_end(
    kind: type[containers.Container],
) -> None:
    need(containers.lacking())
    if not containers.has_image(kind.image):
        compose.images(kind.name.lower().removesuffix("ql"))
    with kind() as server:
        said = _docker("ps", "--format", "{{.Names}} {{.Ports}}")
        assert re.search(rf"{server.called} .*127\.0\.0\.1:{server.port}->", said), said
        assert "0.0.0.0" not in said
        server.pause()
        server.resume()
        for end in (server.stop, server.kill):
            end()
            with pytest.raises(OSError, match="refused"):
                socket.create_connection(("127.0.0.1", server.port)).close()
            server.start()
    assert server.called not in _docker("ps", "-a", "--format", "{{.Names}}")


@pytest.mark.service
async def test_what_postgresql_committed_is_there_after_a_kill() -> None:
    need(containers.lacking())
    with containers.Postgres() as server:
        connection = await asyncpg.connect(server.url)
        await connection.execute("CREATE TABLE payment AS SELECT 42 AS amount")
        server.kill()
        await connection.close()
        server.start()
        connection = await asyncpg.connect(server.url)
        assert await connection.fetchval("SELECT amount FROM payment") == 42
        await connection.close()


@pytest.mark.service
def test_what_cassandra_acknowledged_is_there_after_a_kill() -> None:
    need(containers.lacking())
    with containers.Cassandra() as server:
        acknowledged: list[int] = []
        with _session(server) as session:
            session.execute(KEYSPACE)
            session.execute("CREATE TABLE shop.payment (id int PRIMARY KEY)")
            killer = threading.Thread(target=server.kill)
            with pytest.raises((DriverException, NoHostAvailable)):
                _pay(session, acknowledged, killer)
            killer.join()
        server.start()
        with _session(server) as session:
            there = {row.id for row in session.execute("SELECT id FROM shop.payment")}
        assert set(acknowledged) - there == set()


def _pay(session: Session, acknowledged: list[int], killer: threading.Thread) -> None:
    """Insert until nobody answers any more; the kill comes in the midst of it."""
    insert = session.prepare("INSERT INTO shop.payment (id) VALUES (?)")
    for number in count():
        session.execute(insert, (number,))
        acknowledged.append(number)
        if number == BEFORE_KILL_COUNT:
            killer.start()


@pytest.mark.service
async def test_postgresql_goes_on_with_what_it_had_after_its_disk_was_full() -> None:
    need(containers.lacking())
    with containers.OnSmallDisk(256 << 20) as server:
        connection = await asyncpg.connect(server.url)
        await connection.execute("CREATE TABLE payment AS SELECT 42 AS amount")
        server.fill()
        with pytest.raises((asyncpg.PostgresError, OSError)):
            await connection.execute(
                "CREATE TABLE big AS SELECT * FROM generate_series(1, 9999999)"
            )
        await connection.close()
        server.kill()
        assert not server.alive()
        server.empty()
        server.start()
        connection = await asyncpg.connect(server.url)
        assert await connection.fetchval("SELECT amount FROM payment") == 42
        await connection.close()
    assert server.called not in _docker("volume", "ls", "-q")
    assert server.called not in _docker("ps", "-a", "--format", "{{.Names}}")


@pytest.mark.service
def test_one_that_does_not_start_is_told_with_its_last_lines_and_leaves_nothing() -> None:
    need(containers.lacking())
    server = containers.Postgres({"no_such_setting": "1"})
    with pytest.raises(containers.ContainerError, match="no_such_setting"), server:
        pass
    assert server.called not in _docker("ps", "-a", "--format", "{{.Names}}")


@contextmanager
def _session(server: containers.Cassandra) -> Iterator[Session]:
    with Cluster(["127.0.0.1"], port=server.port) as cluster, cluster.connect() as session:
        yield session


def _docker(*words: str) -> str:
    return subprocess.run(["docker", *words], capture_output=True, text=True, check=True).stdout
