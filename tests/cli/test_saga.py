"""`odori saga`: an order's story, whether Odori runs or not."""

import json
from pathlib import Path

import httpx

from streams.intake.routes import OPERATOR_HEADER
from streams.terminal import CANNOT, NO, alive
from tests.cli.conftest import PATIENCE_S, SMALL, odori, told
from tests.trade import COMMERCE


def test_a_confirmed_order_is_told_in_time_order(shop: Path) -> None:
    said = odori("saga", "NW-10248", "--data", shop).output
    steps = ["place", "reserve", "charge", "arrange", "confirm", "commit"]
    places = [said.index(f"  {step} ") for step in steps]
    assert places == sorted(places)
    assert "NW-10248: done" in said


def test_what_was_taken_back_says_why(shop: Path) -> None:
    told("publish", "northwind", *SMALL, "--data", shop)
    said = odori("saga", "NW-10252", "--data", shop).output  # goes to Belgium
    assert "NW-10252: compensated" in said
    assert "give_back undoes charge" in said
    assert "taken back because of ShipmentRefused: destination: Belgium is not served" in said


def test_an_order_that_was_rejected_says_why(shop: Path) -> None:
    asked = {
        "orderId": "S-1", "customerId": "SAVEA", "paymentMethod": "wallet",
        "items": [{"productId": "nothing", "quantity": 1}],
        "shippingAddress": {"line1": "187 Suffolk Ln.", "country": "USA"},
    }  # fmt: skip
    told("publish", "-", "--data", shop, stdin=json.dumps(asked))
    first = odori("saga", "S-1", "--data", shop).output.splitlines()[0]
    assert first.startswith("S-1: rejected: product: ")
    assert "nothing" in first


def test_a_confirmed_order_that_was_refunded_says_so_at_once(shop: Path) -> None:
    last = "NW-10287"  # placed last, so that it is among the latest
    assert "refunded" not in odori("saga", last, "--data", shop).output
    url, key = alive(shop), (shop / "operator.key").read_text()
    customer = httpx.get(f"{url}/api/orders/{last}").json()["customerId"]
    asked = {"orderId": last, "customerId": customer, "requestId": "r1"}
    refund = f"{url}/api/payment/refund-payment"
    httpx.post(refund, json=asked, headers={OPERATOR_HEADER: key}).raise_for_status()
    assert odori("check", "--wait", PATIENCE_S, "--data", shop).exit_code == 0
    first = odori("saga", last, "--data", shop).output.splitlines()[0]
    assert first == f"{last}: done, refunded"
    assert "CONFIRMED refunded" in odori("watch", "--once", "--data", shop).output


def test_json_has_the_whole_story(shop: Path) -> None:
    said = told("saga", "NW-10248", "--data", shop)
    assert said["state"] == "done"
    assert {moment["domain"] for moment in said["moments"]} >= set(COMMERCE)


def test_an_order_that_nobody_knows_is_a_no(shop: Path) -> None:
    result = odori("saga", "NW-1", "--data", shop)
    assert result.exit_code == NO
    assert "NW-1" in result.output


def test_a_folder_without_data_is_named(tmp_path: Path) -> None:
    result = odori("saga", "NW-10248", "--data", tmp_path)
    assert result.exit_code == CANNOT
    assert str(tmp_path) in result.output
