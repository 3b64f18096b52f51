"""What a saga's story says of its end."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.http.house import PATIENCE_SECONDS, House, opened, order

ITEMS = [{"productId": "tea", "quantity": 2}]


async def told(house: House, saga: str, state: str = "done") -> Any:
    """The story, as soon as nothing is waited for."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            story = (await house.client.get(f"/api/sagas/{saga}")).json()
            if story.get("state") == state:
                return story


@pytest.mark.parametrize("customer", ["ann", "eve"])
async def test_a_cancel_that_is_refused_after_the_end_does_not_move_the_end(
    tmp_path: Path, customer: str
) -> None:
    async with opened(tmp_path) as house:
        await house.stock_up()
        await house.post("/api/orders", order())
        await house.until("StockCommitted")
        before = await told(house, "O-1")
        assert before["ended"] == before["moments"][-1]["at"]
        cancel = {"orderId": "O-1", "customerId": customer, "requestId": "r1"}
        assert (await house.post("/api/order/cancel-order", cancel)).status_code == 409
        after = await told(house, "O-1")
        assert [m["step"] for m in after["moments"] if m["state"] == "refused"] == ["cancel"]
        assert after["ended"] == before["ended"]


async def test_an_order_that_was_rejected_ended_then(tmp_path: Path) -> None:
    nothing = order(items=[{"productId": "nothing", "quantity": 1}])
    async with opened(tmp_path) as house:
        assert (await house.post("/api/orders", nothing)).status_code == 409
        before = await told(house, "O-1", "rejected")
        cancel = {"orderId": "O-1", "customerId": "ann", "requestId": "r1"}
        assert (await house.post("/api/order/cancel-order", cancel)).status_code == 409
        after = await told(house, "O-1", "rejected")
        assert len(after["moments"]) == 2
        assert after["ended"] == before["ended"] == before["moments"][0]["at"]


@pytest.mark.parametrize("how", ["order", "cancel", "time"])
async def test_the_story_of_a_hold_ends_when_it_is_let_go(tmp_path: Path, how: str) -> None:
    async with opened(tmp_path, hold_seconds=1 if how == "time" else 900) as house:
        await house.stock_up()
        hold = {"orderId": "O-1", "customerId": "ann", "items": ITEMS}
        await house.post("/api/inventory/reserve", hold)
        if how == "order":
            await house.post("/api/orders", order())
        if how == "cancel":
            cancel = {"orderId": "O-1", "requestId": "r1"}
            await house.post("/api/inventory/cancel-reservation", cancel)
        released = await house.until("HoldReleased", "hold:O-1")
        story = await told(house, "hold:O-1")
        steps = {"order": "reserve", "cancel": "cancel_reservation", "time": "expire_hold"}
        assert [moment["step"] for moment in story["moments"]] == ["hold", steps[how]]
        last = story["moments"][-1]
        assert [said["type"] for said in last["said"]] == ["odori.inventory.HoldReleased.v2"]
        assert story["ended"] == last["at"] == released.time
        assert story["waits_for"] == []
