"""The same request twice has one effect and one answer; another one under its name is refused."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from streams.intake import commands
from tests.http.house import House, opened, order

KEY = '"8e03978e-40d5-43dd-bc93-6894a57f9324"'


async def place(house: House, body: Any, key: str = KEY, **headers: str) -> Any:
    return await house.post("/api/orders", body, idempotency_key=key, **headers)


async def test_the_same_key_and_body_gets_the_stored_answer(tmp_path: Path) -> None:
    async with opened(tmp_path) as house:
        await house.stock_up()
        first = await place(house, order(None))
        assert first.status_code == 202
        before = len(house.state()["order.order$outbox"])
        again = await place(house, order(None))
        bare = await place(house, dict(reversed(order(None).items())), KEY.strip('"'))
        for answer in (again, bare):
            assert (answer.status_code, answer.content) == (202, first.content)
            assert answer.headers["location"] == first.headers["location"]
        assert len(house.state()["order.order$outbox"]) >= before
        assert len(house.state()["order.order$order"]) == 1


async def test_the_same_key_with_another_body_is_422(tmp_path: Path) -> None:
    async with opened(tmp_path) as house:
        await house.stock_up()
        assert (await place(house, order("O-1"))).status_code == 202
        answer = await place(house, order("O-2"))
        assert answer.status_code == answer.json()["status"] == 422
        assert (await house.client.get("/api/orders/O-2")).status_code == 404


async def test_a_key_is_kept_over_a_restart(tmp_path: Path) -> None:
    async with opened(tmp_path) as house:
        await house.stock_up()
        first = await place(house, order(None))
    async with opened(tmp_path) as house:
        again = await place(house, order(None))
        assert (again.status_code, again.content) == (202, first.content)
        assert (await place(house, order(None, quantity=3))).status_code == 422
        assert len(house.state()["order.order$order"]) == 1


async def test_while_a_key_is_in_progress_it_is_409_and_then_answered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    logged: list[object] = []
    monkeypatch.setattr(commands, "observe", lambda event, **facts: logged.append(facts["saga"]))
    async with opened(tmp_path) as house:
        await house.stock_up()
        answers = await asyncio.gather(*(place(house, order(None)) for _ in range(5)))
        codes = sorted(answer.status_code for answer in answers)
        assert codes == [202, 409, 409, 409, 409]
        [location] = [a.headers["location"] for a in answers if a.status_code == 202]
        assert logged == [location.rpartition("/")[2]] * 4
        assert (await place(house, order(None))).status_code == 202
        assert len(house.state()["order.order$order"]) == 1


async def test_clients_have_keys_of_their_own(tmp_path: Path) -> None:
    async with opened(tmp_path) as house:
        await house.stock_up()
        one = await place(house, order(None), x_client_id="shop-1")
        two = await place(house, order(None), x_client_id="shop-2")
        assert one.headers["location"] != two.headers["location"]


async def test_a_refusal_is_stored_and_a_validation_error_is_not(tmp_path: Path) -> None:
    async with opened(tmp_path) as house:
        await house.stock_up()
        assert (await place(house, order(quantity=0))).status_code == 422
        unknown = order(items=[{"productId": "gold", "quantity": 1}])
        first = await place(house, unknown)
        assert (first.status_code, first.json()["reason"]) == (409, "product")
        again = await place(house, unknown)
        assert (again.status_code, again.content) == (409, first.content)


async def test_an_id_is_made_from_the_key_or_asked_for(tmp_path: Path) -> None:
    async with opened(tmp_path) as house:
        before = house.state()
        answer = await house.post("/api/orders", order(None))
        assert answer.status_code == 400
        assert "Idempotency-Key" in answer.json()["detail"]
        assert house.state() == before


@pytest.mark.parametrize("key", ['""', "", '"a', "a b", "é", "x" * 256, '"a"b"'])
async def test_a_key_that_is_no_string_is_400(tmp_path: Path, key: str) -> None:
    async with opened(tmp_path) as house:
        before = house.state()
        answer = await place(house, order(), key)
        assert answer.status_code == answer.json()["status"] == 400
        assert house.state() == before


async def test_two_keys_at_once_are_400(tmp_path: Path) -> None:
    async with opened(tmp_path) as house:
        headers = [("idempotency-key", '"a"'), ("idempotency-key", '"b"')]
        answer = await house.client.post("/api/orders", json=order(), headers=headers)
        assert answer.status_code == 400


async def test_the_business_key_deduplicates_without_any_header(tmp_path: Path) -> None:
    async with opened(tmp_path) as house:
        await house.stock_up()
        first, again = [await house.post("/api/orders", order()) for _ in range(2)]
        assert (first.status_code, again.status_code) == (202, 202)
        assert first.headers["location"] == again.headers["location"] == "/api/orders/O-1"
        assert again.json()["repeated"] is True
        other = await house.post("/api/orders", order(quantity=3))
        assert other.status_code == other.json()["status"] == 409
        assert len(house.state()["order.order$order"]) == 1


async def test_the_business_key_deduplicates_within_one_batch(tmp_path: Path) -> None:
    async with opened(tmp_path) as house:
        await house.stock_up()
        answers = await asyncio.gather(*(house.post("/api/orders", order()) for _ in range(20)))
        assert {answer.status_code for answer in answers} == {202}
        assert sum(not answer.json()["repeated"] for answer in answers) == 1
        await house.until("OrderConfirmed")


async def test_a_refusal_says_where_it_was_asked_for_at_once_and_when_it_is_repeated(
    tmp_path: Path,
) -> None:
    body = order(items=[{"productId": "nothing", "quantity": 1}])
    async with opened(tmp_path) as house:
        refused = await place(house, body)
        stored = await house.post("/orders/demo-process", body, idempotency_key=KEY)
        before = await house.post("/api/orders", body)
        clash = await house.post("/api/orders", body | {"customerId": "bob"})
        reused = await place(house, body | {"customerId": "bob"})
        answers = (refused, stored, before, clash, reused)
        assert [answer.status_code for answer in answers] == [409, 409, 409, 409, 422]
        assert [answer.json()["instance"] for answer in answers] == [
            "/api/orders", "/orders/demo-process", *["/api/orders"] * 3,
        ]  # fmt: skip


async def test_what_was_refused_stays_so_and_says_where_and_how_to_go_on(tmp_path: Path) -> None:
    async with opened(tmp_path) as house:
        nothing = await house.post("/api/orders", order("O/1"))
        assert nothing.json()["detail"] == "line 1: no product tea"
        await house.stock_up()
        for again in (order("O/1"), order("O/1", quantity=3)):
            answer = await house.post("/api/orders", again)
            assert (answer.status_code, answer.json()["title"]) == (409, "refused before")
            assert answer.json()["detail"] == (
                "O/1 was refused before and stays so (/api/sagas/O%2F1 tells why);"
                " use another orderId"
            )
        told = (await house.client.get("/api/sagas/O%2F1")).json()
        assert told["moments"][0]["said"][0]["body"]["detail"] == "line 1: no product tea"
        cancel = {"orderId": "O/1", "customerId": "ann", "requestId": "r1"}
        for words in ("CancelRefused", "request r1 of O/1 was refused before", "another requestId"):
            answer = await house.post("/api/order/cancel-order", cancel)
            assert words in answer.text, answer.text
