"""A broker that is gone for long, and a process that the broker takes for dead: all is made up."""

import asyncio
import signal
from pathlib import Path
from time import monotonic

import pytest
from confluent_kafka import ConsumerGroupState
from confluent_kafka.admin import AdminClient

from tests.e2e.books import check_once, check_the_books
from tests.e2e.process import PATIENCE_SECONDS, Odori, up
from tests.e2e.shop import all_ended, order, post, statuses, stock_up
from tests.services.best import AnyServer, best

pytestmark = pytest.mark.service

#: How long the broker is gone: a whole minute, longer than sessions, sends and back-offs live. The
#: clock that is waited by are the relay's own complaints, the first after 10 s, then one every 2 s
#: or sooner.
GONE_SECONDS = 60
#: Ending takes its time where nobody acknowledges anything; for ever it must not take.
STOP_LIMIT_SECONDS = 10
GROUPS = [f"{domain}.e1" for domain in ("order", "inventory", "payment", "shipping")]


async def place(odori: Odori, prefix: str, count: int = 40) -> list[str]:
    """Orders over HTTP, all accepted; their ids."""
    ids = [f"{prefix}-{n}" for n in range(count)]
    await asyncio.gather(*(post(odori, "/api/orders", order(i), {}) for i in ids))
    return ids


async def is_ready(odori: Odori) -> bool:
    return (await odori.client.get("/readyz")).status_code == 200


async def ready(odori: Odori) -> None:
    end = monotonic() + PATIENCE_SECONDS
    while not await is_ready(odori):  # every look asks the broker
        told = [line for line in odori.log if line["event"] == "bus.silent"]
        assert monotonic() < end, told[-4:]


async def gone_for_long(server: AnyServer, odori: Odori) -> list[str]:
    """Orders before and throughout an absence of the broker; all end once it is back."""
    ids = await place(odori, "before")
    server.kill()
    began = monotonic()
    ids += await place(odori, "without")
    while monotonic() < began + GONE_SECONDS:
        await odori.until("bus.trouble", after=len(odori.log))
        ids += await place(odori, f"without-{len(ids)}", 1)
    assert not await is_ready(odori)
    look = (await odori.client.get("/", headers={"accept": "application/json"})).json()
    assert look["readiness"].startswith("not ready: its bus does not answer (")
    assert {topic["lag_messages"] for topic in look["topics"] if topic["total"]} == {None}
    ids += await place(odori, "still-without")
    print(f"the broker was gone for {monotonic() - began:.0f} s")
    assert not all_ended(odori.data, len(ids))
    await asyncio.to_thread(server.start)
    await odori.when(lambda: all_ended(odori.data, len(ids)))
    await ready(odori)
    return ids


async def test_a_broker_that_is_gone_for_a_minute_loses_nothing_and_ending_and_starting_wait_for_it(
    tmp_path: Path,
) -> None:
    with best("kafka") as server:
        async with up(tmp_path, kafka=server.address) as odori:
            await stock_up(odori)
            ids = await gone_for_long(server, odori)
            server.kill()
            ids += await place(odori, "at-the-end")
            stopped = await odori.stop()
            print(f"without a broker it ended after {stopped:.1f} s")
            assert stopped < STOP_LIMIT_SECONDS
        starting = asyncio.to_thread(server.start)
        async with up(tmp_path, kafka=server.address, meanwhile=starting) as odori:
            await odori.when(lambda: all_ended(tmp_path, len(ids)))
            await odori.stop()
    check_the_books(tmp_path)
    check_once(tmp_path, ids)


async def test_a_process_that_is_paused_past_its_session_goes_on_where_it_was(
    tmp_path: Path, emptied: str
) -> None:
    admin = AdminClient({"bootstrap.servers": emptied})
    async with up(tmp_path, kafka=emptied) as odori:
        await stock_up(odori)
        ids = await place(odori, "first")
        odori.process.send_signal(signal.SIGSTOP)
        await asyncio.to_thread(expelled, admin)
        odori.process.send_signal(signal.SIGCONT)
        ids += await place(odori, "second")
        await odori.when(lambda: all_ended(tmp_path, len(ids)))
        await odori.stop()
    assert len(statuses(tmp_path)) == len(ids)
    check_the_books(tmp_path)
    check_once(tmp_path, ids)


def expelled(admin: AdminClient) -> None:
    """Return when the broker has taken every member for dead."""
    end = monotonic() + PATIENCE_SECONDS
    while monotonic() < end:
        asked = admin.describe_consumer_groups(GROUPS, request_timeout=PATIENCE_SECONDS)
        if all(a.result().state is ConsumerGroupState.EMPTY for a in asked.values()):
            return
    raise AssertionError("the broker still believes in it")
