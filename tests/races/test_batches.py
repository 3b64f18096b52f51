"""What batches promise: few commits, few passes, one bad value spoils only itself, no early due."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from compensations.ledger import Entry
from domains.inventory.rows import Reservation, Stock
from domains.order.rows import Order
from domains.payment.rows import Payment, Status
from schemas.fields import ItemAsked, ItemPriced
from schemas.message import Message
from schemas.order import OrderPlaced
from schemas.payment import ChargeRequested, SettleCharge
from streams.delivery import Result
from streams.rows import Parked
from streams.topology import Route, Topology
from tests.given import TOPOLOGY
from tests.races.desk import Desk, names, results
from tests.trade import COMMERCE, RESERVATION_TTL, event, listings, place, shelves, stock, wallet

#: Database commits per domain in which 100 orders that wait are placed to their end.
COMMITS_MAX_COUNT = 12


def test_a_hundred_orders_that_wait_end_in_few_commits_per_domain(tmp_path: Path) -> None:
    desks = {name: Desk(name, tmp_path) for name in COMMERCE}
    desks["order"].write(*listings())
    desks["inventory"].write(*shelves(1_000))
    desks["payment"].write(wallet(1_000_000))
    waiting: list[Message] = [place(f"O-{number}") for number in range(100)]
    while waiting:
        said: list[Message] = []
        for name, desk in desks.items():
            mine = [m for m in waiting if heard_by(name, m)]
            if mine:
                said += [e.decoded(TOPOLOGY.catalogue) for e in desk.hear(*mine).envelopes]
        waiting = said
    assert {order.status for order in desks["order"].rows(Order)} == {"CONFIRMED"}
    assert len(desks["order"].rows(Order)) == 100
    commits = {name: desk.commits for name, desk in desks.items()}
    assert max(commits.values()) <= COMMITS_MAX_COUNT, commits


def heard_by(domain: str, message: Message) -> bool:
    return any(part.name == domain for part, _, _ in TOPOLOGY.hearers(type(message)))


def test_orders_of_a_hundred_lines_in_a_full_batch_need_three_passes_at_most(
    tmp_path: Path,
) -> None:
    desk = Desk("inventory", tmp_path)
    many = [f"p{number}" for number in range(100)]
    desk.write(*[stock().but(product_id=name, available_quantity=10**6) for name in many])
    items = tuple(
        ItemPriced(product_id=name, quantity=1, category="drinks", unit_price="1.00")
        for name in many
    )
    handled = desk.hear(*[event(OrderPlaced, order_id=f"O-{n}", items=items) for n in range(500)])
    assert set(names(handled)) == {"StockReserved"}
    assert desk.handler.passes <= 3
    assert {row.reserved_quantity for row in desk.rows(Stock)} == {500}


def spoiling(domain: str, message: type[Message], spoiled: str) -> Topology:
    """A domain whose step writes text that no store takes, for one saga."""
    part = TOPOLOGY.parts[domain]
    [step] = [s for s in part.routes[message].forward if s.name == "reserve"]

    def reserve(heard: Any, tx: Any) -> Any:
        said = step.function(heard, tx)
        if heard.order_id == spoiled:
            tx.put(tx.get(Reservation, spoiled).but(customer_id="a\0b"))
        return said

    route = Route((replace(step, function=reserve),), part.routes[message].undone)
    part = replace(part, routes={**part.routes, message: route})
    return Topology(TOPOLOGY.catalogue, {domain: part})


def test_text_that_the_store_refuses_parks_its_own_event_and_499_go_on(tmp_path: Path) -> None:
    desk = Desk("inventory", tmp_path, spoiling("inventory", OrderPlaced, "O-250"))
    desk.write(*shelves(10_000))
    handled = desk.hear(*[event(OrderPlaced, order_id=f"O-{n}") for n in range(500)])
    assert results(handled).count(Result.DONE) == 499
    assert results(handled)[250] is Result.PARKED
    [parked] = desk.rows(Parked)
    assert (parked.saga, parked.exception) == ("O-250", "WriteRefused")
    assert len(desk.rows(Reservation)) == 499
    assert sum(row.reserved_quantity for row in desk.rows(Stock)) == 499 * 3


def test_a_backlog_of_an_hour_expires_nothing(tmp_path: Path) -> None:
    desk = Desk("inventory", tmp_path)
    desk.write(*shelves(1_000))
    desk.now += timedelta(hours=1)
    desk.hear(*[event(OrderPlaced, order_id=f"O-{n}") for n in range(100)])
    assert names(desk.later(RESERVATION_TTL - timedelta(seconds=1))) == []
    assert len(names(desk.later(timedelta(seconds=1)))) == 100


def test_the_same_order_in_one_batch_with_another_body_leaves_the_first_untouched(
    tmp_path: Path,
) -> None:
    desk = Desk("order", tmp_path)
    desk.write(*listings())
    other = place(items=(ItemAsked(product_id="miso", quantity=9),))
    handled = desk.hear(place(), place(), other)
    assert results(handled) == [Result.DONE, Result.REPEAT, Result.DEAD]
    [order] = desk.rows(Order)
    assert [item.product_id for item in order.items] == ["tea", "rice"]
    assert len(desk.rows(Entry)) == 1


def test_a_providers_answer_repeated_with_another_timestamp_is_dropped(tmp_path: Path) -> None:
    desk = Desk("payment", tmp_path)
    asked = event(ChargeRequested)
    who: dict[str, Any] = {"order_id": asked.order_id, "customer_id": asked.customer_id}
    desk.write(_requested(desk))
    first = SettleCharge(**who, outcome="approved", provider_response={"at": "10:00"})
    again = first.model_copy(update={"provider_response": {"at": "10:05"}})
    assert results(desk.hear(first)) == [Result.DONE]
    assert results(desk.hear(again)) == [Result.REPEAT]
    assert desk.rows(Parked) == []


def _requested(desk: Desk) -> Payment:
    facts = event(ChargeRequested)
    return Payment(
        customer_id="ann", order_id="O-1", payment_id="P-O-1", amount=2100, currency="USD",
        payment_method="card", shipment_partition="Tokyo", status=Status.REQUESTED,
        created_at=desk.now, attempted=True, items=facts.items,
        shipping_address=facts.shipping_address, category=facts.category,
    )  # fmt: skip
