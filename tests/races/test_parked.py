"""Deliveries that fail, their lines, and what nobody can read: race 11, bad input on the bus."""

import json
import logging
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from domains.domain import Step
from domains.order.rows import Order
from infra.clock import utc_now
from infra.observe import log_to
from schemas.inventory import StockReleased
from schemas.message import Message
from schemas.order import CancelOrder, OrderPlaced
from schemas.payment import ChargeRequested
from schemas.shipping import ShipmentArranged, ShipmentRefused
from streams import parked
from streams.bus import Arrival
from streams.counted import observe_batch
from streams.delivery import Delivery, Result
from streams.envelope import Envelope, Headers, NotCloudEvent
from streams.putback import Found, put_back
from streams.rows import Parked, ParkedHead, TimerDue
from streams.timers import due_deliveries
from streams.topology import Route, Topology
from streams.trace import trace_id
from tests.given import TOPOLOGY
from tests.races.desk import Desk, delivered, names, results
from tests.stores import execute, store_of
from tests.trade import event, listings, place

SOON = timedelta(milliseconds=parked.BACKOFF_FIRST_MS)


class Broken(Exception):
    """What the step raises here."""


class Breaking:
    """The order domain, whose steps for one message raise as long as `on`."""

    def __init__(self, message: type[Message]) -> None:
        self.on = True
        part = TOPOLOGY.parts["order"]
        route = part.routes[message]
        broken = Route(tuple(map(self._step, route.forward)), route.undone)
        part = replace(part, routes={**part.routes, message: broken})
        self.topology = Topology(TOPOLOGY.catalogue, {"order": part})

    def _step(self, step: Step) -> Step:
        def raising(*asked: Any) -> Any:
            said = step.function(*asked)
            if self.on:
                raise Broken(step.name)
            return said

        return replace(step, function=raising)


def desk_of(breaking: Breaking, folder: Path) -> Desk:
    desk = Desk("order", folder, breaking.topology)
    desk.write(*listings())
    desk.hear(place())
    return desk


def status(desk: Desk) -> str:
    [order] = desk.rows(Order)
    return order.status


def test_what_fails_waits_and_the_rest_of_its_saga_queues_behind_it_in_order(
    tmp_path: Path,
) -> None:
    breaking = Breaking(ChargeRequested)
    desk = desk_of(breaking, tmp_path)
    desk.hear(event(ChargeRequested))
    handled = desk.hear(event(ShipmentArranged), event(StockReleased, order_id="O-1"))
    assert results(handled) == [Result.PARKED, Result.PARKED]
    assert status(desk) == "PLACED"
    assert [row.number for row in sorted(desk.rows(Parked), key=lambda r: r.number)] == [1, 2, 3]
    breaking.on = False
    assert names(desk.later(SOON)) == ["OrderConfirmed"]
    assert (desk.rows(Parked), desk.rows(ParkedHead), desk.rows(TimerDue)) == ([], [], [])
    assert desk.handler.passes <= 4


def test_without_lines_a_later_delivery_overtakes_one_that_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parked, "queues", lambda delivery, *, all_queue: False)
    desk = desk_of(Breaking(ChargeRequested), tmp_path)
    desk.hear(event(ChargeRequested))
    assert results(desk.hear(event(ShipmentArranged))) == [Result.DONE]


def test_a_failure_undoes_at_once_although_an_earlier_delivery_waits(tmp_path: Path) -> None:
    breaking = Breaking(ShipmentArranged)
    desk = desk_of(breaking, tmp_path)
    desk.hear(event(ShipmentArranged))
    assert names(desk.hear(event(ShipmentRefused))) == ["OrderCancelled"]
    assert status(desk) == "CANCELLED"


def test_a_cancel_does_not_wait_behind_what_is_parked(tmp_path: Path) -> None:
    desk = desk_of(Breaking(ShipmentArranged), tmp_path)
    desk.hear(event(ShipmentArranged))
    cancel = CancelOrder(order_id="O-1", customer_id="ann", request_id="r1")
    assert names(desk.hear(cancel)) == ["StopRequested"]


def test_a_redelivered_event_is_parked_once_and_announced_as_dead_once(tmp_path: Path) -> None:
    desk = desk_of(Breaking(ChargeRequested), tmp_path)
    waiting, clash = delivered(event(ChargeRequested)), delivered(place(payment_method="card"))
    for _ in range(3):
        desk.hear(*[replace(d, body=None, error=None) for d in (clash, waiting)])
    assert sorted(row.state for row in desk.rows(Parked)) == ["dead", "waiting"]
    assert desk.said().count("DeadLetter") == 1


def test_a_delivery_parked_in_the_batch_that_drains_its_line_is_no_orphan(tmp_path: Path) -> None:
    breaking = Breaking(ChargeRequested)
    desk = desk_of(breaking, tmp_path)
    desk.hear(event(ChargeRequested))
    [head] = desk.rows(TimerDue)
    breaking.on = False
    desk.now += SOON
    due = desk.run(due_deliveries(desk, desk.topology.catalogue, desk.now))
    handled = desk.hear(event(ShipmentArranged), *due)
    assert head.saga == "O-1"
    assert results(handled)[0] is Result.PARKED
    assert status(desk) == "CONFIRMED"
    assert desk.rows(ParkedHead) == []


def test_after_the_last_retry_it_is_dead_and_the_line_goes_on(tmp_path: Path) -> None:
    desk = desk_of(Breaking(ChargeRequested), tmp_path)
    desk.hear(event(ChargeRequested))
    desk.hear(event(ShipmentArranged))
    for _ in range(parked.ATTEMPTS_MAX_COUNT):
        desk.later(timedelta(milliseconds=parked.BACKOFF_MAX_MS))
    [dead] = desk.rows(Parked)
    assert (dead.state, dead.exception, dead.attempts) == ("dead", "Broken", 8)
    assert status(desk) == "CONFIRMED"
    assert desk.said().count("DeadLetter") == 1
    assert desk.rows(ParkedHead) == []


def bad(case: str) -> Arrival:
    """One record that nobody can use."""
    good = delivered(CancelOrder(order_id="O-1", customer_id="ann", request_id="r")).envelope
    assert good is not None
    value, headers = good.payload, dict(good.headers())
    match case:
        case "undecodable":
            value = b"\xff\xfe"
        case "no type":
            del headers["ce_type"]
        case "unknown type":
            headers["ce_type"] = b"odori.order.Dance.v1"
        case "unknown version":
            headers["ce_type"] = b"odori.order.CancelOrder.v9"
        case "invalid body":
            value = b'{"orderId": 7}'
        case "null in the body":
            value = b'{"orderId": "a\\u0000b", "no\\u0000field": 1}'
        case "null in a header":
            headers["ce_correlationid"] = b"a\0b"
    raw: Headers = list(headers.items())
    place_ = ("order.commands", 0, 40)
    try:
        envelope = Envelope.of_record("order.commands", b"k\0", value, raw)
    except NotCloudEvent as error:
        return Arrival(None, *place_, str(error), b"k\0", value, raw)
    return Arrival(envelope, *place_)


CASES = {
    "undecodable": "InvalidBody", "no type": "SchemaError", "unknown type": "UnknownType",
    "unknown version": "UnknownVersion", "invalid body": "InvalidBody",
    "null in the body": "InvalidBody", "null in a header": "SchemaError",
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_what_nobody_can_read_is_dead_with_its_reason_and_the_partition_goes_on(
    case: str, tmp_path: Path
) -> None:
    desk = Desk("order", tmp_path)
    desk.write(*listings())
    handled = desk.hear(place("O-1"), bad(case), place("O-2"))
    assert results(handled) == [Result.DONE, Result.DEAD, Result.DONE]
    [dead] = desk.rows(Parked)
    assert (dead.state, dead.exception, dead.offset > 0) == ("dead", CASES[case], True)
    assert dead.reason
    assert desk.said() == ["OrderPlaced", "OrderPlaced", "DeadLetter"]
    letter = handled.envelopes[-1]
    assert letter.topic == "order.dlq"
    assert dict(letter.extra or [])["kafka_dlt-original-topic"] == b"order.commands"


def test_what_nobody_can_read_put_back_is_dead_once_more_and_stays_one_row(
    tmp_path: Path,
) -> None:
    desk = Desk("order", tmp_path)
    desk.hear(bad("no type"))
    [dead] = desk.rows(Parked)
    for replays in (1, 2):
        found = [Found("order", row) for row in desk.rows(Parked)]
        desk.run(put_back(desk.home, TOPOLOGY, found, note="again"))
        handled = desk.later(utc_now() - desk.now + SOON)
        [again] = desk.rows(Parked)
        assert (again.key, again.state, again.replays) == (dead.key, "dead", replays)
        assert again.reason == "order.commands: missing CloudEvents attributes type"
    assert (desk.rows(ParkedHead), desk.rows(TimerDue)) == ([], [])
    assert desk.said() == ["DeadLetter"] * 3
    facts = dict(handled.envelopes[-1].extra or [])
    assert facts["kafka_dlt-original-topic"] == b"order.commands"
    assert facts["kafka_dlt-original-offset"] == b"40"


#: How a file and how PostgreSQL is told to refuse every order as it is written, and to take it.
PICKY = {
    False: (
        """CREATE TRIGGER picky BEFORE UPDATE ON "order$order"
        BEGIN SELECT RAISE(ABORT, 'not now'); END""",
        "DROP TRIGGER picky",
    ),
    True: (
        'ALTER TABLE "order$order" ADD CONSTRAINT "not now" CHECK (false) NOT VALID',
        'ALTER TABLE "order$order" DROP CONSTRAINT "not now"',
    ),
}


def test_a_line_that_the_store_refuses_is_tried_again_until_it_takes_it(tmp_path: Path) -> None:
    breaking = Breaking(ChargeRequested)
    desk = desk_of(breaking, tmp_path)
    desk.hear(event(ChargeRequested), event(ShipmentArranged))
    breaking.on = False
    refuse, take = PICKY[bool(store_of(tmp_path))]
    execute(tmp_path, "order", refuse)
    for attempts in range(2, parked.ATTEMPTS_MAX_COUNT + 4):
        desk.later(timedelta(milliseconds=parked.BACKOFF_MAX_MS))
        first, second = sorted(desk.rows(Parked), key=lambda row: row.number)
        assert (first.type, first.attempts) == (ChargeRequested.spec.wire, attempts)
        assert first.exception == "WriteRefused"
        assert "not now" in first.reason
        assert (first.state, second.state) == ("waiting", "waiting")
    execute(tmp_path, "order", take)
    assert names(desk.later(timedelta(milliseconds=parked.BACKOFF_MAX_MS))) == ["OrderConfirmed"]
    assert (desk.rows(Parked), desk.rows(ParkedHead), desk.rows(TimerDue)) == ([], [], [])


def test_nobody_hears_what_was_not_meant_for_it(tmp_path: Path) -> None:
    desk = Desk("order", tmp_path)
    assert results(desk.hear(event(OrderPlaced))) == [Result.IGNORED]
    assert desk.commits == 0


@pytest.fixture
def log() -> Iterator[StringIO]:
    """What is logged, as `odori up` writes it; else this suite is quiet."""
    written = StringIO()
    log_to(written)
    yield written
    log_to(level=logging.CRITICAL)


def test_the_log_names_the_saga_and_the_trace_of_what_is_dead(
    tmp_path: Path, log: StringIO
) -> None:
    facts = {"specversion": "1.0", "id": "c-1", "source": "/kcat", "type": place().spec.wire}
    headers = [(f"ce_{name}", value.encode()) for name, value in facts.items()]
    envelope = Envelope.of_record("order.commands", b"k", b"{}", headers)
    desk, dead = Desk("order", tmp_path), Delivery(envelope, arrival=Arrival(envelope, "", 0, 1))
    observe_batch("order", [dead], desk.hear(dead), [])
    [row], line = desk.rows(Parked), json.loads(log.getvalue())
    assert (line["event"], line["level"]) == ("delivery.failed", "warning")
    assert (line["saga"], line["trace"]) == (row.saga, trace_id(row.trace or ""))
    assert len(line["trace"]) == 32
