"""What is wrong with a request is said field by field, and leaves no trace in state."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from streams.intake import body as bodies
from streams.intake.body import BODY_MAX_BYTES
from streams.intake.commands import ERRORS_MAX_COUNT
from tests.http.house import ADDRESS, opened, order

JSON = "application/json"
LINE = {"productId": "tea", "quantity": 1}


def changed(**changes: Any) -> bytes:
    return json.dumps(order(**changes)).encode()


MALFORMED = [
    b"",
    b"{",
    b'{"orderId": "O-1",}',
    b'{"orderId": "\\ud800"}',
    b'{"orderId": "\xff"}',
    b"[" * 10_000,
]
MISFITS = [
    (changed(colour="red"), ["/colour"]),
    (changed(customerId=7), ["/customerId"]),
    (changed(items="tea"), ["/items"]),
    (changed(items=[]), ["/items"]),
    (changed(items=[LINE] * 101), ["/items"]),
    (changed(items=[LINE | {"quantity": 0}]), ["/items/0/quantity"]),
    (changed(items=[LINE, LINE | {"quantity": -1}]), ["/items/1/quantity"]),
    (changed(items=[LINE | {"quantity": 1.5}]), ["/items/0/quantity"]),
    (changed(items=[LINE | {"quantity": "1"}]), ["/items/0/quantity"]),
    (changed(items=[LINE | {"quantity": True}]), ["/items/0/quantity"]),
    (changed(items=[LINE | {"unitPrice": "0.01"}]), ["/items/0/unitPrice"]),
    (changed(currency="XXX"), ["/currency"]),
    (changed(currency="usd"), ["/currency"]),
    (changed(order_id="x" * 129), ["/orderId"]),
    (changed(order_id="a\nb"), ["/orderId"]),
    (changed(order_id="a\u0000b"), ["/orderId"]),
    (changed(customerId=""), ["/customerId"]),
    (changed(paymentMethod="gold"), ["/paymentMethod"]),
    (changed(shippingAddress=ADDRESS | {"line1": "a\u0000b"}), ["/shippingAddress/line1"]),
    (changed(**{"a/b~c": 1}), ["/a~1b~0c"]),
    (changed(customerId=7, paymentMethod="gold"), ["/customerId", "/paymentMethod"]),
    (b"[]", ["/"]),
    (b"null", ["/"]),
]


async def refused(tmp_path: Path, content: bytes, type_: str = JSON) -> Any:
    """The problem that this request is answered with; nothing of it may be left anywhere."""
    async with opened(tmp_path) as house:
        before = house.state()
        answer = await house.client.post(
            "/api/orders", content=content, headers={"content-type": type_}
        )
        assert house.state() == before
        assert answer.headers["content-type"] == "application/problem+json"
        problem = answer.json()
        assert problem["status"] == answer.status_code
        assert problem["instance"] == "/api/orders"
        return problem


@pytest.mark.parametrize("content", MALFORMED)
async def test_malformed_json_is_400(tmp_path: Path, content: bytes) -> None:
    assert (await refused(tmp_path, content))["status"] == 400


@pytest.mark.parametrize("type_", ["", "text/plain", "application/x-www-form-urlencoded"])
async def test_another_content_type_is_415(tmp_path: Path, type_: str) -> None:
    assert (await refused(tmp_path, changed(), type_))["status"] == 415


@pytest.mark.parametrize(("content", "pointers"), MISFITS)
async def test_a_field_that_does_not_fit_is_422_with_its_pointer(
    tmp_path: Path, content: bytes, pointers: list[str]
) -> None:
    problem = await refused(tmp_path, content)
    assert problem["status"] == 422
    assert [error["pointer"] for error in problem["errors"]] == pointers
    assert all(error["detail"] for error in problem["errors"])


async def test_a_body_full_of_mistakes_makes_no_answer_full_of_them(tmp_path: Path) -> None:
    content = json.dumps({f"f{number}": 0 for number in range(5_000)}).encode()
    problem = await refused(tmp_path, content)
    assert len(problem["errors"]) == ERRORS_MAX_COUNT


@pytest.mark.parametrize("declared", [True, False])
async def test_a_body_over_the_limit_is_413_whether_it_says_its_length_or_not(
    tmp_path: Path, declared: bool
) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(BODY_MAX_BYTES // 1024 + 1):
            yield b" " * 1024

    async with opened(tmp_path) as house:
        before = house.state()
        content = b" " * (BODY_MAX_BYTES + 1) if declared else chunks()
        answer = await house.client.post(
            "/api/orders", content=content, headers={"content-type": JSON}
        )
        assert answer.status_code == answer.json()["status"] == 413
        assert house.state() == before


async def test_the_bodies_under_way_are_bounded_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bodies, "BODIES_MAX_BYTES", 100)
    async with opened(tmp_path) as house:
        before = house.state()
        answer = await house.post("/api/orders", order())
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        assert house.state() == before
        answer = await house.post("/api/orders", {})
        assert answer.status_code == 422, "what was refused does not count any more"


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/inventory/replenish", {"productId": "tea", "requestId": "r", "quantity": 1}),
        ("/api/payment/open-wallet", {"customerId": "eve", "currency": "USD", "opening": "9.00"}),
        (
            "/api/payment/top-up-wallet",
            {"customerId": "eve", "requestId": "r", "currency": "USD", "amount": "9.00"},
        ),
        (
            "/api/payment/refund-payment",
            {"orderId": "O-1", "customerId": "eve", "requestId": "r"},
        ),
    ],
)
async def test_what_only_the_operator_may_send_needs_the_operators_key(
    tmp_path: Path, path: str, body: dict[str, Any]
) -> None:
    async with opened(tmp_path) as house:
        before = house.state()
        for headers in ({}, {"x_odori_operator_key": "guess"}, {"x_odori_operator_key": "é"}):
            answer = await house.post(path, body, **headers)
            assert answer.status_code == answer.json()["status"] == 403
        assert house.state() == before
        assert (await house.operate(path, body)).status_code != 403


@pytest.mark.parametrize("amount", ["0", "0.0", "0.00"])
async def test_a_top_up_of_nothing_is_422_with_its_pointer(tmp_path: Path, amount: str) -> None:
    body = {"customerId": "ann", "requestId": "r", "currency": "USD", "amount": amount}
    async with opened(tmp_path) as house:
        before = house.state()
        answer = await house.operate("/api/payment/top-up-wallet", body)
        assert answer.status_code == 422
        assert [error["pointer"] for error in answer.json()["errors"]] == ["/amount"]
        assert house.state() == before


@pytest.mark.parametrize(
    "path",
    ["/api/orders/nope", "/api/sagas/nope", "/api/order/order/ann/nope", "/nope", "/api/order/x"],
)
async def test_what_is_not_there_is_a_404_problem(tmp_path: Path, path: str) -> None:
    async with opened(tmp_path) as house:
        answer = await house.client.get(path)
        assert answer.status_code == answer.json()["status"] == 404


async def test_an_unknown_route_says_where_the_routes_are(tmp_path: Path) -> None:
    async with opened(tmp_path) as house:
        problem = (await house.client.get("/api/inventory/product")).json()
        assert problem["detail"] == "there is no such route; /docs lists them all"
        known = (await house.client.get("/api/orders/nope")).json()
        assert known["detail"] == "no order nope"


async def test_a_method_that_a_path_does_not_have_is_a_405_problem(tmp_path: Path) -> None:
    async with opened(tmp_path) as house:
        answer = await house.client.delete("/api/orders")
        assert answer.status_code == answer.json()["status"] == 405


@pytest.mark.parametrize("query", ["limit=0", "limit=501", "limit=x", "nope=1", "status=PLACED"])
async def test_a_read_that_cannot_be_answered_from_an_index_is_400(
    tmp_path: Path, query: str
) -> None:
    async with opened(tmp_path) as house:
        answer = await house.client.get(f"/api/order/order?{query}")
        assert answer.status_code == answer.json()["status"] == 400
