"""The local provider: once per key, however it misbehaves and however often it is killed."""

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import replace
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from streams.connectors.local_provider import LATE_S, LocalProvider
from streams.connectors.provider import ProviderDown, ProviderTimeout, Request
from tests.connectors.till import answered, rules

CHARGE = Request("O-1/1", "O-1", "ann", 2_100, "USD")
REFUND = replace(CHARGE, key="O-1/2")


@asynccontextmanager
async def opened(data: Path) -> AsyncIterator[LocalProvider]:
    provider = LocalProvider(data)
    try:
        yield provider
    finally:
        await provider.close()


async def test_a_repeated_key_gets_the_same_answer_also_by_the_next_process(tmp_path: Path) -> None:
    async with opened(tmp_path) as provider:
        first = await provider.charge(CHARGE)
        assert await provider.charge(CHARGE) == first
    rules(tmp_path, "decline *")
    async with opened(tmp_path) as provider:
        assert await provider.charge(CHARGE) == first
        assert await provider.lookup(CHARGE) == first
    assert first.approved
    assert answered(tmp_path) == [("O-1/1", 1)]


async def test_what_was_never_asked_is_not_found(tmp_path: Path) -> None:
    async with opened(tmp_path) as provider:
        await provider.charge(CHARGE)
        assert await provider.lookup(REFUND) is None


async def test_a_refund_is_booked_under_its_own_key(tmp_path: Path) -> None:
    async with opened(tmp_path) as provider:
        charged, refunded = await provider.charge(CHARGE), await provider.refund(REFUND)
    assert charged.transaction_id != refunded.transaction_id
    assert answered(tmp_path) == [("O-1/1", 1), ("O-1/2", 1)]


@pytest.mark.parametrize(
    ("pattern", "approved"),
    [("ann/*", False), ("*/O-1/*", False), ("*/21.00 USD", False), ("bob/*", True), ("", True)],
)
async def test_rules_go_by_customer_order_and_amount(
    tmp_path: Path, pattern: str, approved: bool
) -> None:
    rules(tmp_path, "# who is refused", f"decline {pattern}")
    async with opened(tmp_path) as provider:
        assert (await provider.charge(CHARGE)).approved is approved


async def test_a_provider_that_is_down_does_nothing_until_it_is_back(tmp_path: Path) -> None:
    rules(tmp_path, "down *")
    async with opened(tmp_path) as provider:
        for call in (provider.charge, provider.refund, provider.lookup):
            with pytest.raises(ProviderDown):
                await call(CHARGE)
        assert answered(tmp_path) == []
        rules(tmp_path)
        assert (await provider.charge(CHARGE)).approved


async def test_books_that_another_program_has_locked_do_not_stop_the_loop(tmp_path: Path) -> None:
    async with opened(tmp_path) as provider:
        for request in (CHARGE, replace(CHARGE, key="O-2/1", order_id="O-2")):
            with closing(sqlite3.connect(tmp_path / "provider.db", isolation_level=None)) as other:
                other.execute("BEGIN EXCLUSIVE")
                began = asyncio.get_running_loop().time()
                with pytest.raises(ProviderDown, match=r"provider\.db is locked"):
                    await provider.charge(request)
                assert asyncio.get_running_loop().time() - began < 1
            assert (await provider.charge(request)).approved
    assert answered(tmp_path) == [("O-1/1", 1), ("O-2/1", 1)]


async def test_lines_that_are_no_rules_are_told_once_with_their_numbers(tmp_path: Path) -> None:
    rules(tmp_path, "# who is refused", "", "declined *", "late", "decline bob/*")
    with capture_logs() as told:
        async with opened(tmp_path) as provider:
            assert (await provider.charge(CHARGE)).approved
            of_bob = replace(CHARGE, key="O-2/1", customer_id="bob")
            assert not (await provider.charge(of_bob)).approved
    assert [(t["event"], t["line"], t["log_level"]) for t in told] == [
        ("provider.rule_ignored", 3, "warning"), ("provider.rule_ignored", 4, "warning"),
    ]  # fmt: skip


async def test_a_lost_answer_was_given_all_the_same(tmp_path: Path) -> None:
    rules(tmp_path, "timeout *")
    async with opened(tmp_path) as provider:
        with pytest.raises(ProviderTimeout):
            await provider.charge(CHARGE)
        assert answered(tmp_path) == [("O-1/1", 1)]
        assert (await provider.charge(CHARGE)).approved


async def test_a_late_answer_is_booked_before_it_is_given(tmp_path: Path) -> None:
    rules(tmp_path, "late *")
    async with opened(tmp_path) as provider:
        began = asyncio.get_running_loop().time()
        asked = asyncio.create_task(provider.charge(CHARGE))
        while not answered(tmp_path):
            await asyncio.to_thread(tmp_path.exists)
        assert not asked.done()
        assert (await asked).approved
        assert asyncio.get_running_loop().time() - began >= LATE_S


def test_what_was_answered_survives_a_kill(tmp_path: Path) -> None:
    script = (
        "import asyncio, sys, time\n"
        "from pathlib import Path\n"
        "from streams.connectors.local_provider import LocalProvider\n"
        "from tests.connectors.test_local_provider import CHARGE\n"
        "provider = LocalProvider(Path(sys.argv[1]))\n"
        "asyncio.run(provider.charge(CHARGE))\n"
        "print('charged', flush=True)\n"
        "sys.stdin.read()\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=Path(__file__).parents[2],
    )  # fmt: skip
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"charged\n"
        os.kill(process.pid, signal.SIGKILL)
    assert answered(tmp_path) == [("O-1/1", 1)]
    with closing(sqlite3.connect(tmp_path / "provider.db")) as books:
        assert books.execute("PRAGMA integrity_check").fetchone() == ("ok",)
