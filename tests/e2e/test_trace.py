"""One trace over all domains, from the request to the last event, on both bindings."""

import json
from pathlib import Path

import pytest

from tests.e2e.process import Odori, up
from tests.e2e.shop import REFUSED, all_ended, order, post, query, stock_up
from tests.e2e.wire import records

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
TRACEPARENT = f"00-{TRACE}-00f067aa0ba902b7-01"
DOMAINS = ("order", "inventory", "payment", "shipping")
CONFIRMED = {"OrderPlaced", "StockReserved", "PaymentCompleted", "ShipmentArranged",
             "OrderConfirmed", "StockCommitted"}  # fmt: skip
UNDONE = {"OrderPlaced", "StockReserved", "ChargeRequested", "ChargeAttempted", "PaymentCompleted",
          "ShipmentRefused", "StockReleased", "RefundRequested", "PaymentRefunded",
          "OrderCancelled"}  # fmt: skip


async def traced(odori: Odori) -> None:
    """An order that is confirmed and one that is taken back, in one trace."""
    away = {"line1": "x", "prefecture": REFUSED, "country": "AT"}
    headers = {"traceparent": TRACEPARENT}
    one = await post(odori, "/api/orders", order("T-1"), headers)
    two = order("T-2", shippingAddress=away, paymentMethod="card")
    await post(odori, "/api/orders", two, headers)
    assert one.headers["traceparent"][3:35] == TRACE
    await odori.when(lambda: all_ended(odori.data, 2))
    await odori.when(lambda: names(odori.data, "T-2") >= UNDONE)
    await odori.when(lambda: names(odori.data, "T-1") >= CONFIRMED)


def said(data: Path, saga: str) -> list[tuple[str, dict[str, str]]]:
    """(type, attributes) of everything that was announced of a saga."""
    found = []
    for domain in DOMAINS:
        for type_, headers in query(data, domain, f'SELECT type, headers FROM "{domain}$outbox"'):
            attributes = json.loads(headers)
            if attributes["saga"] == saga:
                found.append((type_, attributes))
    return found


def names(data: Path, saga: str) -> set[str]:
    return {type_.split(".")[2] for type_, _ in said(data, saga)}


def check_the_trace(data: Path) -> None:
    for saga in ("T-1", "T-2"):
        hops = [attributes["traceparent"] for _, attributes in said(data, saga)]
        assert {hop[3:35] for hop in hops} == {TRACE}
        assert len({hop[36:52] for hop in hops}) == len(hops), "every hop is a span of its own"
        assert {attributes["origin"] for _, attributes in said(data, saga)} == {TRACEPARENT}


async def test_a_trace_runs_from_the_request_to_the_last_event_of_every_domain(
    tmp_path: Path,
) -> None:
    async with up(tmp_path) as odori:
        await stock_up(odori)
        await traced(odori)
    check_the_trace(tmp_path)


@pytest.mark.service
async def test_over_kafka_the_trace_is_in_the_headers_of_every_message(
    tmp_path: Path, emptied: str
) -> None:
    async with up(tmp_path, kafka=emptied) as odori:
        await stock_up(odori)
        await traced(odori)
        expected = {name for saga in ("T-1", "T-2") for name in names(tmp_path, saga)}
        await odori.stop()
    check_the_trace(tmp_path)
    heard = on_the_wire(emptied, expected)
    assert {hop[3:35] for hop, _ in heard} == {TRACE}
    assert {start for _, start in heard} == {TRACEPARENT}


def on_the_wire(address: str, expected: set[str]) -> list[tuple[str, str]]:
    """(traceparent, ce_traceparent) of both sagas' records, read until all names were met."""
    found: list[tuple[str, str]] = []
    met: set[str] = set()
    for headers, _ in records(address, "^[a-z]+[.](events|failures)$"):
        if headers["ce_correlationid"] in ("T-1", "T-2"):
            met.add(headers["ce_type"].split(".")[2])
            found.append((headers["traceparent"], headers["ce_traceparent"]))
        if met >= expected:
            break
    return found
