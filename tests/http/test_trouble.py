"""When the service is busy or its store is not there, it says so, does nothing, and recovers."""

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from streams import inbox
from streams.embedded import EmbeddedSubscription
from tests.http.house import House, opened, order
from tests.stores import execute, store_of


@contextmanager
def locked(house: House, domain: str) -> Iterator[None]:
    """Another program holds the domain's file."""
    path = house.system.data / f"{domain}.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield


async def test_more_commands_than_the_queue_takes_are_503_and_the_others_are_answered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inbox, "COMMANDS_MAX_COUNT", 3)
    async with opened(tmp_path) as house:
        await house.stock_up()
        with locked(house, "order"):
            ids = [f"O-{number}" for number in range(20)]
            sent = [asyncio.create_task(house.post("/api/orders", order(i, 1))) for i in ids]
            refused, waiting = await asyncio.wait(sent, return_when=asyncio.FIRST_COMPLETED)
            assert {task.result().status_code for task in refused} == {503}
            assert all(task.result().headers["retry-after"] == "1" for task in refused)
            assert waiting
        answers = await asyncio.gather(*sent)
        accepted = {i for i, a in zip(ids, answers, strict=True) if a.status_code == 202}
        assert accepted
        assert {answer.status_code for answer in answers} == {202, 503}
        assert await orders(house) == accepted


async def orders(house: House) -> set[str]:
    rows = (await house.client.get("/api/order/order?customerId=ann")).json()["rows"]
    return {row["orderId"] for row in rows}


async def test_a_locked_store_is_503_and_ready_again_when_it_is_free(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with opened(tmp_path) as house:
        await house.stock_up()
        before = house.state()
        with locked(house, "order"):
            answer = await house.post("/api/orders", order())
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
            assert house.state() == before
            line = next(x for x in capsys.readouterr().out.splitlines() if "http.failed" in x)
            assert "saga=O-1" in line
            assert answer.headers["traceparent"].split("-")[1] in line
        assert (await house.post("/api/orders", order())).status_code == 202
        await house.until("OrderConfirmed")


async def test_a_stopped_service_is_not_ready(tmp_path: Path) -> None:
    async with opened(tmp_path) as house:
        ready = await house.client.get("/readyz")
        assert (ready.status_code, ready.json()["ready"]) == (200, True)
        await house.system.workers["payment"].stop()
        answer = await house.client.get("/readyz")
        assert answer.status_code == 503
        assert answer.json()["domains"]["payment"] == "its worker does not run"
        assert answer.json()["domains"]["order"] == "ready"
        assert (await house.client.get("/healthz")).status_code == 200


async def test_the_page_says_who_is_not_ready_and_why(tmp_path: Path) -> None:
    async with opened(tmp_path) as house:
        twin = (await house.client.get("/", headers={"accept": "application/json"})).json()
        assert twin["readiness"] == "ready"
        await house.system.workers["payment"].stop()
        twin = (await house.client.get("/", headers={"accept": "application/json"})).json()
        assert twin["readiness"] == "not ready: its worker does not run (payment)"
        page = (await house.client.get("/")).text
        assert "not ready: its worker does not run (payment)" in page


async def test_a_lag_that_the_bus_does_not_tell_is_a_question_mark(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def silent(_: object) -> None:
        raise ConnectionError("the broker is gone")

    async with opened(tmp_path) as house:
        assert '<td class="n">0</td><td class="n">0.0 s</td>' in (await house.client.get("/")).text
        monkeypatch.setattr(EmbeddedSubscription, "ask", silent)
        twin = (await house.client.get("/", headers={"accept": "application/json"})).json()
        assert twin["readiness"].startswith("not ready: its bus does not answer (inventory, order")
        lags = {t["name"]: (t["lag_messages"], t["lag_seconds"]) for t in twin["topics"]}
        assert lags["order.events"] == lags["payment.commands"] == (None, None)
        page = (await house.client.get("/")).text
        assert '<td class="n late">?</td><td class="n late">?</td>' in page


async def test_a_bug_is_a_500_problem_that_tells_nothing_and_a_log_line_that_tells_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object) -> None:
        raise AssertionError("the shelf fell over")

    async with opened(tmp_path) as house:
        await house.stock_up()
        step = house.system.topology.parts["order"].domain.steps["place"]
        with monkeypatch.context() as patched:
            patched.setattr(step, "function", broken)
            answer = await house.post("/api/orders", order(), idempotency_key='"k"')
        assert answer.status_code == answer.json()["status"] == 500
        assert "shelf" not in answer.text
        line = next(x for x in capsys.readouterr().out.splitlines() if "http.failed" in x)
        assert "the shelf fell over" in line
        assert answer.headers["traceparent"].split("-")[1] in line
        assert "saga=O-1" in line
        again = await house.post("/api/orders", order(), idempotency_key='"k"')
        assert again.status_code == 202, "what failed here is not stored under its key"
        await house.until("OrderConfirmed")


#: How a file and how PostgreSQL is told to refuse one order.
PICKY = {
    False: """CREATE TRIGGER picky BEFORE INSERT ON "order$order" WHEN NEW.order_id = 'O-7'
        BEGIN SELECT RAISE(ABORT, 'not this one'); END""",
    True: """ALTER TABLE "order$order" ADD CONSTRAINT picky CHECK (order_id <> 'O-7')""",
}


async def test_a_row_that_the_store_refuses_fails_its_own_request_only(tmp_path: Path) -> None:
    async with opened(tmp_path) as house:
        await house.stock_up()
        execute(tmp_path, "order", PICKY[bool(store_of(tmp_path))])
        ids = [f"O-{number}" for number in range(20)]
        answers = await asyncio.gather(*(house.post("/api/orders", order(i, 1)) for i in ids))
        codes = {i: answer.status_code for i, answer in zip(ids, answers, strict=True)}
        assert codes == {i: 500 if i == "O-7" else 202 for i in ids}
        assert await orders(house) == set(ids) - {"O-7"}
        assert (await house.client.get("/api/sagas/O-7")).status_code == 404
