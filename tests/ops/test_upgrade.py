"""A data folder and topics of version 1 still start, and their orders go on to their ends."""

import asyncio
import json
import signal
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest

from domains.order.rows import Order
from infra.settings import Settings
from schemas.catalogue import Catalogue
from schemas.inventory import ProductListed
from streams.books.check import Verdict, check
from streams.envelope import Envelope
from streams.home import Files
from streams.system import System
from streams.upgrade import NewerData
from tests.books.trading import asked, at_rest, by_hand, open_shop, order, send, trading

V1 = Path(__file__).parents[1] / "fixtures" / "v1"
FOLDER_MAX_BYTES = 300_000
UNENDED = "SELECT count(*) FROM \"order$order\" WHERE status = 'PLACED'"
WITHOUT_END = 'SELECT count(*) FROM "order$order" WHERE ended_at IS NULL'


@pytest.fixture
def v1(tmp_path: Path) -> Path:
    """A process of version 1 died here; orders are in the middle of their dance."""
    data = tmp_path / "v1"
    with tarfile.open(V1 / "data.tar.xz") as archive:
        archive.extractall(data, filter="data")
    return data


def test_the_fixture_is_small_and_orders_are_under_way_in_it(v1: Path) -> None:
    assert sum(path.stat().st_size for path in V1.iterdir()) < FOLDER_MAX_BYTES
    assert asked(v1, "order", UNENDED)[0][0] > 3
    heard = asked(v1, "order", "SELECT count(*) FROM \"order$listing\" WHERE product_id = 'rice'")
    listed = """SELECT 1 FROM "inventory$outbox" WHERE type = 'odori.inventory.ProductListed.v1'
        AND aggregateid = 'rice'"""
    assert (heard, asked(v1, "inventory", listed)) == ([(0,)], [(1,)])
    books = check(Files(v1))
    assert (books.verdict, books.differences) == (Verdict.MOVING, [])


async def test_orders_of_version_1_end_and_new_ones_dance_with_them(v1: Path) -> None:
    async with trading(v1) as system:
        books = await at_rest(v1)
        assert (books.verdict, books.dead) == (Verdict.BALANCED, [])
        rice = {"product_id": "rice", "quantity": 1}  # known from a message of version 1
        await send(system, order("new", items=(rice,)))
        books = await at_rest(v1)
    assert (books.verdict, books.unfinished) == (Verdict.BALANCED, [])
    assert asked(v1, "order", UNENDED) == asked(v1, "order", WITHOUT_END) == [(0,)]
    # The old ones' reservations have run out since: how those end is for the pivot to say.
    confirmed = "SELECT status FROM \"order$order\" WHERE order_id = 'new'"
    assert asked(v1, "order", confirmed) == [("CONFIRMED",)]


#: An upgrade in steps of three rows, killed after the step whose number is given.
KILLED = """
import asyncio, os, signal, sys
from pathlib import Path
from infra.settings import Settings
from streams import upgrade
from streams.system import System

async def step(*args, steps=[], real=upgrade._step):
    await real(*args)
    steps.append(1)
    if len(steps) == int(sys.argv[2]):
        os.kill(os.getpid(), signal.SIGKILL)

upgrade.STEP_MAX_ROWS, upgrade._step = 3, step
asyncio.run(System(Settings(data=Path(sys.argv[1]))).start())
"""


def test_an_upgrade_that_is_killed_goes_on_where_it_was(v1: Path) -> None:
    places: list[str] = []
    for number in (1, 2, 4):
        run = subprocess.run(
            [sys.executable, "-c", KILLED, str(v1), str(number)], capture_output=True, text=True
        )
        assert run.returncode == -signal.SIGKILL, run.stderr
        [(version, reached)] = asked(v1, "order", 'SELECT version, reached FROM "order$versions"')
        assert version == 1
        places.append(reached)
    assert places == sorted(set(places)), "each went on behind the one before"
    assert asked(v1, "order", WITHOUT_END)[0][0] - asked(v1, "order", UNENDED)[0][0] > 0

    async def on() -> Any:
        async with trading(v1):
            return await at_rest(v1)

    assert asyncio.run(on()).verdict is Verdict.BALANCED
    assert asked(v1, "order", WITHOUT_END) == [(0,)]
    assert asked(v1, "order", 'SELECT version, reached FROM "order$versions"') == [(2, None)]


async def test_a_fresh_store_is_of_the_last_version_and_a_newer_one_is_refused(
    tmp_path: Path,
) -> None:
    async with trading(tmp_path) as system:
        await open_shop(system)
    versions = 'SELECT "table", version FROM "order$versions"'
    assert asked(tmp_path, "order", versions) == [("order", len(Order.upgrades) + 1)]
    by_hand(tmp_path, "order", 'UPDATE "order$versions" SET version = 99')
    newer = System(Settings(data=tmp_path))
    with pytest.raises(NewerData, match="start the newer one"):
        await newer.start()
    await newer.stop()


def test_every_record_of_the_old_topics_is_read_by_todays_schemas() -> None:
    catalogue, read = Catalogue(), []
    for line in (V1 / "topics.jsonl").read_text().splitlines():
        record = json.loads(line)
        headers = [(name, value.encode()) for name, value in record["headers"].items()]
        key, value = record["key"].encode(), record["value"].encode()
        read.append(Envelope.of_record(record["topic"], key, value, headers).decoded(catalogue))
    listed = [message for message in read if isinstance(message, ProductListed)]
    assert {message.product_id: message.quantity for message in listed} == {
        "tea": None,
        "miso": None,
        "rice": None,
    }
    assert len({type(message) for message in read}) > 10
