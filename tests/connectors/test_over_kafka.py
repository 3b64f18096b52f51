"""The same connector over a real Kafka, whose broker keeps its position."""

from pathlib import Path

import pytest

from tests.connectors.till import answered, check_the_books, opened, rules
from tests.shop import cancel

pytestmark = pytest.mark.service


async def test_cards_are_paid_declined_lost_and_voided_over_kafka_and_a_restart(
    tmp_path: Path, kafka: str
) -> None:
    rules(tmp_path, "decline */O-2/*", "timeout */O-3/*", "down */O-4/*", "down */O-5/*")
    async with opened(tmp_path, kafka=kafka) as till:
        await till.stock_up()
        for number in range(1, 6):
            await till.buy(f"O-{number}")
        await till.until("OrderConfirmed", "O-1")
        await till.until("OrderCancelled", "O-2")
        await till.until("OrderConfirmed", "O-3")
        await till.until_attempted("O-4")
        await till.until_attempted("O-5")
        await till.send(cancel("O-5"))
        await till.until("VoidRequested", "O-5")
    rules(tmp_path)
    async with opened(tmp_path, kafka=kafka) as till:
        await till.until("OrderConfirmed", "O-4")
        await till.until("PaymentVoided", "O-5")
    assert answered(tmp_path) == [
        ("O-1/1", 1), ("O-2/1", 0), ("O-3/1", 1), ("O-4/1", 1), ("O-5/1", 0),
    ]  # fmt: skip
    check_the_books(tmp_path)
