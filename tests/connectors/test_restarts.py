"""A process that ends between any two words with the provider: the next one brings it to an end."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.connectors.till import (
    Vanishing,
    answered,
    check_the_books,
    heard,
    opened,
    rules,
    until_answered,
)
from tests.shop import cancel

#: Buys one thing by card and says so; then it waits to be killed.
BUYER = """
import asyncio, sys
from pathlib import Path
from tests.connectors.till import opened

async def buy():
    async with opened(Path(sys.argv[1])) as till:
        await till.stock_up()
        await till.buy()
        await till.until_attempted()
        print("attempted", flush=True)
        await asyncio.Event().wait()

asyncio.run(buy())
"""


def killed_after_the_attempt(data: Path) -> None:
    """A process of its own that buys, and is killed once its connector may have asked."""
    process = subprocess.Popen(
        [sys.executable, "-c", BUYER, str(data)],
        stdout=subprocess.PIPE, cwd=Path(__file__).parents[2],
    )  # fmt: skip
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"attempted\n"
        os.kill(process.pid, signal.SIGKILL)


async def test_a_process_that_ends_after_the_charge_and_before_the_answer_charges_once(
    tmp_path: Path,
) -> None:
    rules(tmp_path, "late *")
    async with opened(tmp_path) as till:
        await till.stock_up()
        await till.buy()
        await until_answered(tmp_path, "O-1/1")
        assert (await till.payment()).status == "REQUESTED"
    async with opened(tmp_path) as till:
        await till.until("OrderConfirmed")
    assert answered(tmp_path) == [("O-1/1", 1)]
    check_the_books(tmp_path)


@pytest.mark.parametrize("rule", ["late *", "down *"])
async def test_a_process_that_is_killed_between_attempt_and_answer_charges_once(
    tmp_path: Path, rule: str
) -> None:
    rules(tmp_path, rule)
    killed_after_the_attempt(tmp_path)
    rules(tmp_path)
    async with opened(tmp_path) as till:
        await till.until("OrderConfirmed")
    assert answered(tmp_path) == [("O-1/1", 1)]
    check_the_books(tmp_path)


async def test_a_position_stays_before_the_first_payment_that_waits_though_later_ones_ended(
    tmp_path: Path,
) -> None:
    rules(tmp_path, "down */O-1/*")
    async with opened(tmp_path) as till:
        await till.stock_up()
        await till.buy("O-0")
        await till.until("OrderConfirmed", "O-0")
        await till.buy("O-1")
        await till.until_attempted("O-1")
        await till.buy("O-2")
        await till.until("OrderConfirmed", "O-2")
        asked = await till.until("ChargeRequested", "O-1")
    assert 0 < heard(tmp_path, asked) < asked.sequence
    rules(tmp_path)
    async with opened(tmp_path) as till:
        await till.until("OrderConfirmed", "O-1")
        await till.until_idle()
    check_the_books(tmp_path)
    assert heard(tmp_path, asked) > asked.sequence


async def test_a_void_that_waits_is_asked_again_by_the_next_process(tmp_path: Path) -> None:
    rules(tmp_path, "down *")
    async with opened(tmp_path) as till:
        await till.stock_up()
        await till.buy()
        await till.until_attempted()
        await till.send(cancel())
        await till.until("VoidRequested")
    rules(tmp_path)
    async with opened(tmp_path) as till:
        await till.until("PaymentVoided")
    assert answered(tmp_path) == [("O-1/1", 0)]
    check_the_books(tmp_path)


async def test_a_void_that_waits_finds_what_the_last_process_had_charged(tmp_path: Path) -> None:
    async with opened(tmp_path, Vanishing(tmp_path)) as till:
        await till.stock_up()
        await till.buy()
        await until_answered(tmp_path, "O-1/1")
        await till.send(cancel())
        await till.until("VoidRequested")
    rules(tmp_path)
    async with opened(tmp_path) as till:
        await till.until("PaymentRefunded")
    assert answered(tmp_path) == [("O-1/1", 1), ("O-1/2", 1)]
    check_the_books(tmp_path)


async def test_a_refund_that_waits_is_asked_again_by_the_next_process(tmp_path: Path) -> None:
    async with opened(tmp_path, Vanishing(tmp_path)) as till:
        await till.stock_up()
        await till.buy()
        await until_answered(tmp_path, "O-1/1")
        await till.send(cancel())
        await till.until("VoidRequested")
        rules(tmp_path, "late *")
        await until_answered(tmp_path, "O-1/2")
        assert (await till.payment()).status == "REFUNDING"
    async with opened(tmp_path) as till:
        await till.until("PaymentRefunded")
    assert answered(tmp_path) == [("O-1/1", 1), ("O-1/2", 1)]
    check_the_books(tmp_path)
