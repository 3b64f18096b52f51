"""What makes a start impossible is told in one sentence with the way out, and the process ends."""

import asyncio
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic

import asyncpg
import pytest

from infra.bus.kafka.connection import Connection, Topic
from tests.e2e.process import ended, run, spawn, up
from tests.services.best import best
from tests.services.process import free_ports
from tests.stores import remember

pytestmark = pytest.mark.service

#: What is waited for here, in place of the usual 6 s.
BRIEFLY = {"ODORI_START_SECONDS": "1"}

USUALLY = {"ODORI_START_SECONDS": "6"}
#: Until a start that cannot succeed has ended, on a busy machine, too; one after the other the
#: two waits alone would be longer.
STOP_LIMIT_SECONDS = 10

PATIENTLY = {"ODORI_START_SECONDS": "60"}


async def refused(data: Path, before: str = "", **environ: str) -> tuple[int, str]:
    """A start that ends by itself: its code, and the one sentence it ends with."""
    process = await spawn(
        "up", "--port", 0, "--data", data, environ=BRIEFLY | environ, before=before
    )
    out, errors = await process.communicate()
    told = errors.decode()
    assert (out, "Traceback" in told) == (b"", False), told
    return process.returncode or 0, told.splitlines()[-1]


@contextmanager
def deaf() -> Iterator[str]:
    """The address of a server that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"127.0.0.1:{listening.getsockname()[1]}"


@pytest.fixture
def silent() -> Iterator[str]:
    with deaf() as address:
        yield address


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A folder that remembers no store."""
    return tmp_path / "nowhere"


async def test_a_store_that_does_not_answer(data: Path, silent: str) -> None:
    nobody = f"127.0.0.1:{free_ports(1)[0]}"
    for address in (nobody, silent, "no-such-host.invalid:5432"):
        code, told = await refused(data, ODORI_STORE=f"postgresql://odori:s3cret@{address}/shop")
        assert code == 3
        assert re.search(rf"{address}.*no answer for 1 s .*mend the address in ODORI_STORE", told)
        assert "s3cret" not in told


async def test_a_kafka_that_does_not_answer(data: Path, silent: str) -> None:
    nobody = f"127.0.0.1:{free_ports(1)[0]}"
    for address in (nobody, silent, "no-such-host.invalid:9092"):
        code, told = await refused(data, ODORI_KAFKA=address)
        assert code == 3
        assert re.search(rf"no Kafka answers at {address}, for 1 s.*ODORI_KAFKA", told), told


async def test_a_store_and_a_kafka_that_never_answer_are_waited_for_at_the_same_time(
    data: Path, silent: str
) -> None:
    began = monotonic()
    with deaf() as other:
        store = f"postgresql://odori@{silent}/shop"
        code, told = await refused(data, **USUALLY, ODORI_STORE=store, ODORI_KAFKA=other)
    assert code == 3
    assert re.search(r"no (answer|Kafka answers at .*,) for 6 s", told), told
    assert monotonic() - began < STOP_LIMIT_SECONDS


async def test_a_database_or_an_account_that_is_not_there(data: Path, postgres: str) -> None:
    place = postgres.partition("@")[2]
    for store, why in (
        (f"postgresql://odori:s3cret@{place.partition('/')[0]}/no_shop", 'database "no_shop"'),
        (f"postgresql://nobody:s3cret@{place}", 'role "nobody"'),
    ):
        code, told = await refused(data, ODORI_STORE=store)
        assert code == 2
        assert f"{why} does not exist" in told
        assert "s3cret" not in told


async def test_a_postgresql_that_is_too_old(data: Path, database: str) -> None:
    old = "import streams.shared_home as s; s.POSTGRES_MIN_VERSION = 99"
    code, told = await refused(data, old, ODORI_STORE=database)
    assert code == 2
    assert re.search(r"is PostgreSQL \d\d; Odori needs 99 or newer: upgrade it$", told)


async def test_a_table_of_another_shape(data: Path, database: str) -> None:
    remember(data, database)
    async with up(data) as odori:
        await odori.stop()
    connection = await asyncpg.connect(database)
    await connection.execute('ALTER TABLE "order"."order" ALTER COLUMN status TYPE int USING 1')
    await connection.close()
    code, told = await refused(data, ODORI_STORE=database)
    assert code == 3
    assert re.search(r"order\.order.*status", told), told


async def test_a_topic_with_too_few_partitions(data: Path, emptied: str) -> None:
    topic = "order.events"
    await Connection(emptied).create_topics([Topic(topic, 2, 1, {})])
    code, told = await refused(data, ODORI_KAFKA=emptied)
    assert code == 3
    assert f"{topic} has 2 of 4; set ODORI_PARTITIONS=2, or" in told
    code, out, errors = await run("check", "--services", "--data", data,
                                  environ={"ODORI_KAFKA": emptied})  # fmt: skip
    assert code == 1
    assert f"{topic} has 2 of 4 partitions" in out + errors


async def test_a_store_that_comes_a_little_later_is_waited_for_and_that_is_said(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    data = tmp_path_factory.mktemp("data")
    with best("postgres") as server:
        remember(data, server.url)
        server.stop()
        process = await spawn("up", "--port", 0, "--data", data, environ=PATIENTLY)
        async with ended(process):
            assert process.stdout
            assert process.stderr
            waiting = (await process.stderr.readline()).decode()
            assert '"event": "store.waiting"' in waiting
            assert server.address in waiting
            await asyncio.to_thread(server.start)
            assert b" is up" in await process.stdout.readline()
