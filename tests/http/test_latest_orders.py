"""The latest orders are those placed last, whatever is heard of older ones, before or after."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from streams.dashboard.floor import Floor
from streams.dashboard.look import ORDERS_MAX_COUNT
from streams.envelope import Envelope
from tests.http.house import House, opened, order

#: More than the page shows.
MANY_ORDERS = ORDERS_MAX_COUNT + 5


def said(
    type_: str, saga: str, time: str = "", topic: str = "order.events", sequence: int = 0
) -> Envelope:
    wire = f"odori.{type_}.v1"
    return Envelope("", "", wire, topic, "", b"", saga, time=time, sequence=sequence)


async def traded(house: House, count: int) -> None:
    """So many small orders, confirmed."""
    rice = {
        "productId": "rice", "productName": "Rice", "category": "food", "currency": "USD",
        "unitPrice": "1.00", "quantity": 1_000,
    }  # fmt: skip
    assert (await house.operate("/api/inventory/list-product", rice)).status_code == 202
    await house.stock_up()
    for number in range(count):
        await buy(house, f"R-{number:02}")
        await house.until("StockCommitted", f"R-{number:02}")


async def buy(house: House, order_id: str, quantity: int = 1) -> None:
    items = [{"productId": "rice", "quantity": quantity}]
    assert (await house.post("/api/orders", order(order_id, items=items))).status_code == 202


async def shown(house: House) -> dict[str, Any]:
    twin = await house.client.get("/", headers={"accept": "application/json"})
    return twin.json()  # type: ignore[no-any-return]


async def test_an_order_placed_after_a_restart_is_first_though_nobody_looked_before(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path) as house:
        await traded(house, MANY_ORDERS)
    began = datetime.now(UTC).isoformat(timespec="milliseconds")
    async with opened(tmp_path) as house:
        await buy(house, "R-new", quantity=5_000)
        await house.until("OrderCancelled", "R-new")
        look = await shown(house)
    assert [found["orderId"] for found in look["orders"][:2]] == ["R-new", f"R-{MANY_ORDERS - 1}"]
    topics = {topic["name"]: topic for topic in look["topics"]}
    assert topics["order.commands"]["last_at"] >= began
    assert topics["inventory.failures"]["last_at"] >= began


async def test_late_news_of_an_old_order_does_not_push_out_a_new_one(tmp_path: Path) -> None:
    async with opened(tmp_path) as house:
        await traded(house, MANY_ORDERS)
        for number in range(5):
            asked = {"orderId": f"R-{number:02}", "customerId": "ann", "requestId": "r"}
            await house.operate("/api/payment/refund-payment", asked)
            await house.until("PaymentRefunded", f"R-{number:02}")
        orders = [found["orderId"] for found in (await shown(house))["orders"]]
    assert orders == [f"R-{number:02}" for number in range(MANY_ORDERS - 1, 4, -1)]


def test_after_a_burst_the_latest_are_those_placed_last() -> None:
    floor = Floor()
    floor.hear([said("order.OrderPlaced", f"O-{number}") for number in range(5_000)])
    floor.hear([said("order.OrderConfirmed", f"O-{number}") for number in range(4_000)])
    assert floor.sagas()[:3] == ["O-4999", "O-4998", "O-4997"]


def test_what_is_remembered_is_older_than_what_was_heard_and_sorted_by_its_time() -> None:
    floor = Floor()
    floor.hear([said("order.OrderPlaced", "new", "12")])
    floor.remember(
        [
            said("order.OrderPlaced", "second", "11"),
            said("order.OrderPlaced", "first", "10"),
            said("order.OrderPlaced", "new", "12"),
            said("shipping.ShipmentArranged", "before all", "09", "shipping.events"),
            said("shipping.ShipmentArranged", "first", "10", "shipping.events"),
        ]
    )
    assert floor.sagas() == ["new", "second", "first", "before all"]
    last = {
        topic.name: topic.last_at for topic in floor.topics(["order.events", "shipping.events"])
    }
    assert last == {"order.events": "12", "shipping.events": "10"}


def test_orders_of_one_moment_are_remembered_in_the_order_of_their_lane() -> None:
    floor = Floor()
    numbers = (3, 1, 4, 2)  # as Kafka's partitions give them
    floor.remember([said("order.OrderPlaced", f"O-{n}", "10", sequence=n) for n in numbers])
    assert floor.sagas() == ["O-4", "O-3", "O-2", "O-1"]


def test_the_last_message_of_a_quiet_topic_is_known_however_much_is_heard_of_others() -> None:
    floor = Floor()
    floor.hear([said("inventory.ListProduct", "tea", "08:00", "inventory.commands")])
    floor.hear([said("order.OrderPlaced", f"O-{number}") for number in range(50_000)])
    [topic] = floor.topics(["inventory.commands"])
    assert (topic.total, topic.last_type, topic.last_at) == (
        1,
        "odori.inventory.ListProduct.v1",
        "08:00",
    )
