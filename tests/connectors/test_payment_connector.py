"""Cards from order to end over a real system: whatever the provider does, money moves once."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from domains.inventory.rows import Stock
from domains.payment.rows import Payment
from domains.row import Row
from schemas.payment import SettleCharge
from schemas.shipping import RefuseDestination
from streams.connectors.local_provider import LocalProvider
from streams.connectors.payment import CALLS_MAX_COUNT
from streams.connectors.provider import Reply, Request
from streams.delivery import Result
from tests.connectors.till import (
    PATIENCE_SECONDS,
    Till,
    Vanishing,
    answered,
    check_the_books,
    opened,
    rules,
    until_answered,
)
from tests.shop import cancel
from tests.trade import ATLANTIS


async def test_an_approved_card_pays_for_the_order(tmp_path: Path) -> None:
    async with opened(tmp_path) as till:
        await till.stock_up()
        await till.buy()
        await till.until("OrderConfirmed")
        paid = await till.payment()
    assert (paid.status, paid.attempted) == ("COMPLETED", True)
    assert paid.provider_response is not None
    assert paid.provider_response["outcome"] == "approved"
    assert paid.transaction_id
    assert answered(tmp_path) == [("O-1/1", 1)]
    check_the_books(tmp_path)


async def test_one_trace_runs_from_the_request_through_the_provider_to_the_end(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path) as till:
        await till.stock_up()
        await till.buy()
        last = await till.until("OrderConfirmed")
        asked = await till.until("ChargeRequested")
    assert last.traceparent[:35] == asked.traceparent[:35]


async def test_a_declined_card_ends_the_order_and_holds_nothing(tmp_path: Path) -> None:
    rules(tmp_path, "decline ann/*")
    async with opened(tmp_path) as till:
        await till.stock_up(quantity=10)
        await till.buy()
        await till.until("OrderCancelled")
        await till.until("StockReleased")
        tea = await till.row(Stock, "inventory", "drinks", "tea")
        assert (await till.payment()).status == "DECLINED"
    assert tea is not None
    assert tea.available_quantity == 10
    assert answered(tmp_path) == [("O-1/1", 0)]
    check_the_books(tmp_path)


async def test_a_late_answer_holds_up_nobody_else(tmp_path: Path) -> None:
    rules(tmp_path, "late */O-1/*")
    async with opened(tmp_path) as till:
        await till.stock_up()
        await till.buy("O-1")
        await till.until_attempted("O-1")
        await till.buy("O-2")
        await till.until("OrderConfirmed", "O-2")
        assert (await till.payment("O-1")).status == "REQUESTED"
        await till.until("OrderConfirmed", "O-1")
    check_the_books(tmp_path)


async def test_an_answer_that_was_lost_is_charged_once_and_never_taken_for_declined(
    tmp_path: Path,
) -> None:
    rules(tmp_path, "timeout *")
    async with opened(tmp_path) as till:
        await till.stock_up()
        await till.buy()
        await till.until("OrderConfirmed")
        assert not till.said("PaymentDeclined")
    assert answered(tmp_path) == [("O-1/1", 1)]
    check_the_books(tmp_path)


async def test_orders_wait_for_a_provider_that_is_down_and_go_on_when_it_is_back(
    tmp_path: Path,
) -> None:
    rules(tmp_path, "down *")
    names = [f"O-{number}" for number in range(1, 6)]
    async with opened(tmp_path) as till:
        await till.stock_up()
        await asyncio.gather(*(till.buy(name) for name in names))
        for name in names:
            await till.until_attempted(name)
        assert answered(tmp_path) == []
        rules(tmp_path)
        for name in names:
            await till.until("OrderConfirmed", name)
    check_the_books(tmp_path)


async def test_nothing_is_charged_when_the_provider_comes_back_after_the_orders_end(
    tmp_path: Path,
) -> None:
    rules(tmp_path, "down *")
    async with opened(tmp_path) as till:
        await till.stock_up()
        await till.buy()
        await till.until_attempted()
        await till.send(cancel())
        await till.until("VoidRequested")
        rules(tmp_path, "timeout *")  # the void is done, and its first answer lost
        await till.until("PaymentVoided")
        assert (await till.payment()).status == "VOIDED"
    assert answered(tmp_path) == [("O-1/1", 0)]
    check_the_books(tmp_path)


async def test_a_charge_whose_answer_comes_after_the_orders_end_is_paid_back_once(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path, Vanishing(tmp_path)) as till:
        await till.stock_up()
        await till.buy()
        await until_answered(tmp_path, "O-1/1")
        await till.send(cancel())
        await till.until("VoidRequested")
        rules(tmp_path, "timeout *")  # the refund loses its first answer
        await till.until("PaymentRefunded")
        assert (await till.payment()).status == "REFUNDED"
        assert len(till.said("PaymentRefunded")) == 1
    assert answered(tmp_path) == [("O-1/1", 1), ("O-1/2", 1)]
    check_the_books(tmp_path)


async def test_a_charge_declined_after_the_order_ended_is_voided_and_refunds_nothing(
    tmp_path: Path,
) -> None:
    rules(tmp_path, "down *")
    async with opened(tmp_path) as till:
        await till.stock_up()
        await till.buy()
        await till.until_attempted()
        await till.send(cancel())
        await till.until("VoidRequested")
        rules(tmp_path, "decline *")
        await till.until("PaymentVoided")
    assert answered(tmp_path) == [("O-1/1", 0)]
    check_the_books(tmp_path)


async def test_an_order_that_ends_before_the_first_call_is_voided_without_a_call(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path) as till:
        await till.stock_up()
        await till.connector.stop()
        await till.buy()
        await till.until("ChargeRequested")
        await till.send(cancel())
        await till.until("VoidRequested")
        await till.connector.start()
        await till.until("PaymentVoided")
    assert answered(tmp_path) == []


async def test_a_void_that_overtakes_its_charge_changes_nothing(tmp_path: Path) -> None:
    async with opened(tmp_path) as till:
        await till.stock_up()
        await till.connector.stop()
        await till.buy()
        await till.until("ChargeRequested")
        await till.send(cancel())
        await till.until("VoidRequested")
        other = await till.system.bus.subscribe("payment.other", ["payment.events"])
        arrivals = await other.poll(100, 1_000_000)
        till.connector.hear(arrivals[::-1])
        await till.until("PaymentVoided")
    assert answered(tmp_path) == []


async def test_what_is_heard_while_the_row_is_read_is_not_missed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(tmp_path) as till:
        await till.stock_up()
        await till.send(RefuseDestination(destination="Sunken", request_id="r1"))
        read, under_way = till.connector._read, till.connector._under_way

        async def read_slowly(place: tuple[str, str]) -> Row | None:
            payment = await read(place)
            if isinstance(payment, Payment) and payment.status == "COMPLETED":
                await till.until("RefundRequested")
                async with asyncio.timeout(PATIENCE_SECONDS):
                    while len(under_way[place]) < 2:
                        await asyncio.to_thread(tmp_path.exists)
            return payment

        monkeypatch.setattr(till.connector, "_read", read_slowly)
        await till.buy(shipping_address=ATLANTIS)
        await till.until("PaymentRefunded")
    check_the_books(tmp_path)


async def test_a_repeated_answer_with_another_timestamp_is_dropped(tmp_path: Path) -> None:
    async with opened(tmp_path) as till:
        await till.stock_up()
        await till.buy()
        await till.until("OrderConfirmed")
        again = SettleCharge(
            order_id="O-1", customer_id="ann", outcome="approved", transaction_id="other",
            provider_response={"at": "2026-07-15T12:00:00Z"},
        )  # fmt: skip
        assert (await till.send(again)).result is Result.REPEAT
        against = again.model_copy(update={"outcome": "declined"})
        assert (await till.send(against, 2)).result is Result.CLASH
        assert (await till.payment()).status == "COMPLETED"
    check_the_books(tmp_path)


async def test_a_card_is_charged_when_the_books_of_its_provider_are_free_again(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path) as till:
        await till.stock_up()
        await till.buy("O-0")
        await till.until("OrderConfirmed", "O-0")
        with closing(sqlite3.connect(tmp_path / "provider.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            began = asyncio.get_running_loop().time()
            for name in ("O-1", "O-2"):
                await till.buy(name)
                await till.until_attempted(name)
            assert asyncio.get_running_loop().time() - began < 3, "the loop waited for the lock"
            assert (await till.payment()).status == "REQUESTED"
        await till.until("OrderConfirmed", "O-1")
        await till.until("OrderConfirmed", "O-2")
    assert answered(tmp_path) == [("O-0/1", 1), ("O-1/1", 1), ("O-2/1", 1)]
    check_the_books(tmp_path)


class Rude(LocalProvider):
    """A provider whose client answers nobody until as many ask as may, and then fails once each."""

    def __init__(self, data: Path) -> None:
        super().__init__(data)
        self.refused: set[str] = set()
        self.asking = self.most = 0
        self.full = asyncio.Event()

    async def charge(self, request: Request) -> Reply:
        self.asking += 1
        self.most = max(self.most, self.asking)
        if self.asking == CALLS_MAX_COUNT:
            self.full.set()
        await self.full.wait()
        self.asking -= 1
        if request.key not in self.refused:
            self.refused.add(request.key)
            raise ZeroDivisionError("a bug in the client")
        return await super().charge(request)


async def test_whatever_a_client_raises_is_asked_again_and_calls_are_limited(
    tmp_path: Path,
) -> None:
    provider = Rude(tmp_path)
    names = [f"O-{number}" for number in range(CALLS_MAX_COUNT + 20)]
    async with opened(tmp_path, provider) as till:
        await till.stock_up()
        await asyncio.gather(*(till.buy(name) for name in names))
        for name in names:
            await till.until("OrderConfirmed", name)
    assert provider.most == CALLS_MAX_COUNT
    check_the_books(tmp_path)


async def _end(till: Till, number: int) -> None:
    """One of many orders: every third is cancelled at once."""
    name = f"O-{number}"
    await till.buy(name, customer_id=f"c{number % 7}")
    if number % 3 == 0:
        await till.send(cancel(name).model_copy(update={"customer_id": f"c{number % 7}"}))


async def test_the_books_of_many_cards_at_once_agree_with_the_providers(tmp_path: Path) -> None:
    rules(tmp_path, "decline c1/*", "timeout c2/*", "timeout c3/*", "late */O-*5/*")
    async with opened(tmp_path) as till:
        await till.stock_up()
        await asyncio.gather(*(_end(till, number) for number in range(150)))
        for number in range(150):
            await till.until_ended(f"O-{number}")
        await till.until_settled([(f"c{n % 7}", f"O-{n}") for n in range(150)])
    check_the_books(tmp_path)
