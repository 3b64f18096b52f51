"""What is accepted is committed, can be followed, and is one trace from the request to the end."""

import asyncio
import json
import sqlite3
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

from schemas.message import Command
from streams.intake.routes import ALIASES, command_path
from streams.topology import discover
from tests.http.house import PATIENCE_SECONDS, opened, order
from tests.trade import COMMERCE

TRACE = "0af7651916cd43dd8448eb211c80319c"
TRACEPARENT = f"00-{TRACE}-b7ad6b7169203331-01"


async def test_an_accepted_order_is_committed_before_it_is_answered(tmp_path: Path) -> None:
    async with opened(tmp_path) as house:
        await house.stock_up()
        answer = await house.post("/api/orders", order())
        assert answer.status_code == 202
        assert answer.headers["location"] == "/api/orders/O-1"
        assert len(house.state()["order.order$order"]) == 1


async def test_requests_at_the_same_time_share_commits(tmp_path: Path) -> None:
    async with opened(tmp_path) as house:
        await house.stock_up()
        ids = [f"O-{number}" for number in range(100)]
        answers = await asyncio.gather(*(house.post("/api/orders", order(i, 1)) for i in ids))
        assert {answer.status_code for answer in answers} == {202}
        with closing(sqlite3.connect(house.system.data / "order.db")) as connection:
            (commits,) = connection.execute(
                "SELECT count(DISTINCT tx_id) FROM \"order$outbox\" WHERE type LIKE '%OrderPlaced%'"
            ).fetchone()
        assert commits <= 5


async def test_an_order_is_read_with_its_state_and_its_steps(tmp_path: Path) -> None:
    async with opened(tmp_path) as house:
        await house.stock_up()
        placed = await house.post("/api/orders", order())
        await house.until("StockCommitted")
        found = (await house.client.get(placed.headers["location"])).json()
        document = {
            "orderId", "customerId", "items", "totalAmount", "shippingAddress", "paymentMethod",
            "status", "createdAt", "steps",
        }  # fmt: skip
        assert document <= found.keys()
        assert (found["status"], found["totalAmount"]) == ("CONFIRMED", "9.00")
        assert set(found["steps"].values()) == {"done"}


async def test_one_trace_runs_over_all_domains_to_the_last_event(tmp_path: Path) -> None:
    async with opened(tmp_path) as house:
        await house.stock_up()
        answer = await house.post("/api/orders", order(), traceparent=TRACEPARENT)
        assert answer.headers["traceparent"] == TRACEPARENT
        await house.until("StockCommitted")
        said = [e for e in house.heard if e.saga == "O-1"]
        dance = [e for e in said if not e.topic.endswith(".commands")]
        assert {e.source.split("/")[2] for e in dance} == set(house.system.stores)
        assert {e.traceparent[3:35] for e in dance} == {TRACE}
        assert {e.origin for e in dance} == {TRACEPARENT}
        spans = [e.traceparent[36:52] for e in dance]
        assert len(set(spans)) == len(spans), "every hop has a span of its own"


async def test_a_request_without_a_usable_trace_begins_one(tmp_path: Path) -> None:
    async with opened(tmp_path) as house:
        await house.stock_up()
        for header in ("", "nonsense", f"00-{'0' * 32}-b7ad6b7169203331-01"):
            answer = await house.post("/api/orders", order(), traceparent=header)
            version, trace, span, _ = answer.headers["traceparent"].split("-")
            assert (version, len(trace), len(span)) == ("00", 32, 16)
            assert trace != "0" * 32


async def test_of_a_trace_of_a_later_version_is_taken_what_is_known(tmp_path: Path) -> None:
    async with opened(tmp_path) as house:
        await house.stock_up()
        later = f"01{TRACEPARENT[2:]}-what-is-to-come"
        answer = await house.post("/api/orders", order(), traceparent=later)
        assert answer.headers["traceparent"] == TRACEPARENT


async def test_the_names_of_the_first_document_place_and_hold(tmp_path: Path) -> None:
    async with opened(tmp_path) as house:
        await house.stock_up()
        demo = await house.post("/orders/demo-process", order("O-2", 1))
        assert (demo.status_code, demo.headers["location"]) == (202, "/api/orders/O-2")
        hold = {"orderId": "O-3", "customerId": "ann", "items": order()["items"]}
        held = await house.post("/api/inventory/reserve", hold)
        assert (held.status_code, held.headers["location"]) == (202, "/api/sagas/hold%3AO-3")
        followed = await house.client.get(held.headers["location"])
        assert [moment["step"] for moment in followed.json()["moments"]] == ["hold"]


async def test_stock_is_kept_as_long_as_the_settings_say(tmp_path: Path) -> None:
    async with opened(tmp_path, hold_seconds=60, reservation_seconds=120) as house:
        await house.stock_up()
        hold = {"orderId": "O-2", "customerId": "ann", "items": order()["items"]}
        await house.post("/api/inventory/reserve", hold)
        await house.post("/api/orders", order("O-1"))
        await house.until("StockReserved")
        for order_id, seconds in (("O-2", 60), ("O-1", 120)):
            kept = (await house.client.get(f"/api/inventory/reservation/{order_id}")).json()
            due, made = (datetime.fromisoformat(kept[n]) for n in ("expiresAt", "createdAt"))
            assert due - made == timedelta(seconds=seconds)


async def test_every_command_that_has_a_step_has_a_route_made_from_its_schema(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path) as house:
        document = (await house.client.get("/openapi.json")).json()
    posts = {path for path, methods in document["paths"].items() if "post" in methods}
    parts = discover().parts.values()
    commands = {m for part in parts for m in part.routes if issubclass(m, Command)}
    assert posts == {command_path(c) for c in commands} | {alias.path for alias in ALIASES}
    bodies = [document["paths"][path]["post"]["requestBody"] for path in posts]
    named = {b["content"]["application/json"]["schema"]["$ref"].split("/")[-1] for b in bodies}
    assert named <= document["components"]["schemas"].keys()


async def test_the_testers_examples_fit_their_schemas(tmp_path: Path) -> None:
    async with opened(tmp_path) as house:
        document = (await house.client.get("/openapi.json")).json()
    parts = discover().parts.values()
    for command in {m for part in parts for m in part.routes if issubclass(m, Command)}:
        post = document["paths"][command_path(command)]["post"]
        body = post["requestBody"]["content"]["application/json"]["example"]
        command.parse(json.dumps(body))


async def test_a_cancelled_order_tells_what_was_undone_and_why(tmp_path: Path) -> None:
    async with opened(tmp_path) as house:
        await house.stock_up()
        await house.post("/api/orders", order(quantity=11))
        await house.until("OrderCancelled")
        async with asyncio.timeout(PATIENCE_SECONDS):
            while (story := (await house.client.get("/api/sagas/O-1")).json())["waits_for"]:
                pass  # every look is a read of the stores
        assert (story["state"], story["parked"]) == ("compensated", [])
        undone = [
            moment
            for moment in story["moments"]
            if moment["state"] == "undone" and moment["domain"] in COMMERCE
        ]
        assert [moment["step"] for moment in undone] == ["withdraw (place)"]
        assert undone[0]["why"].startswith("StockShort")
        assert undone[0]["took_ms"] >= 0
        assert [said["type"] for said in undone[0]["said"]] == ["odori.order.OrderCancelled.v1"]
        times = [moment["at"] for moment in story["moments"]]
        assert times == sorted(times)


async def test_rows_are_found_by_key_by_partition_and_by_index(tmp_path: Path) -> None:
    async with opened(tmp_path) as house:
        await house.stock_up()
        for number in range(3):
            await house.post("/api/orders", order(f"O/{number}", 1))
        get = house.client.get
        assert (await get("/api/order/order/ann/O%2F1")).json()["orderId"] == "O/1"
        assert (await get("/api/orders/O%2F1")).json()["orderId"] == "O/1"
        page = (await get("/api/order/order/ann?limit=2")).json()
        assert ([row["orderId"] for row in page["rows"]], page["more"]) == (["O/0", "O/1"], True)
        for query in ("customerId=ann", "orderId=O%2F2", ""):
            rows = (await get(f"/api/order/order?{query}")).json()["rows"]
            assert {row["orderId"] for row in rows} <= {"O/0", "O/1", "O/2"}
            assert rows
        assert (await get("/api/payment/wallet/ann")).json()["currency"] == "USD"
