"""The first page shows topics and orders, says the same as JSON, and stays live while watched."""

import asyncio
import hashlib
import json
import re
from collections import deque
from pathlib import Path

import pytest

from streams.dashboard.floor import RATE_WINDOW_S, SAGAS_MAX_COUNT, Floor
from streams.envelope import Envelope
from streams.intake.static import FOLDER
from tests.http.house import PATIENCE_SECONDS, House, opened, order


def envelope(number: int, topic: str = "order.events") -> Envelope:
    return Envelope(
        f"lane-{number}", "", "odori.order.OrderPlaced.v1", topic, "", b"", f"O-{number}"
    )


async def danced(house: House) -> None:
    """One confirmed order, one cancelled."""
    await house.stock_up()
    await house.post("/api/orders", order())
    await house.post("/api/orders", order("O-2", 1_000))
    await house.until("StockCommitted")
    await house.until("OrderCancelled", "O-2")


async def test_the_page_shows_topics_and_orders_without_javascript(tmp_path: Path) -> None:
    async with opened(tmp_path) as house:
        await danced(house)
        answer = await house.client.get("/", headers={"accept": "text/html"})
        page = answer.text
        assert answer.headers["content-type"].startswith("text/html")
        for topic in house.system.topology.topics:
            assert f'<th scope="row">{topic}</th>' in page
        assert '<a id="o-O-1" href="/api/sagas/O-1">' in page
        assert '<b class="confirmed">CONFIRMED</b>' in page
        assert 'aria-label="reserve: failed"' in page
        assert '<html lang="en">' in page


async def test_its_twin_says_the_same_as_json(tmp_path: Path) -> None:
    async with opened(tmp_path) as house:
        await danced(house)
        twin = (await house.client.get("/", headers={"accept": "application/json"})).json()
        assert {o["orderId"]: o["status"] for o in twin["orders"]} == {
            "O-1": "CONFIRMED",
            "O-2": "CANCELLED",
        }
        topics = {topic["name"]: topic for topic in twin["topics"]}
        assert topics["order.events"]["total"] == 4
        assert topics["inventory.failures"]["last_type"] == "odori.inventory.StockShort.v1"


async def test_commands_over_http_count_on_their_topics(tmp_path: Path) -> None:
    async with opened(tmp_path) as house:
        await danced(house)
        twin = (await house.client.get("/", headers={"accept": "application/json"})).json()
        commands = next(topic for topic in twin["topics"] if topic["name"] == "order.commands")
        assert (commands["total"], commands["last_type"]) == (2, "odori.order.PlaceOrder.v1")
        assert commands["last_at"]
        metrics = (await house.client.get("/metrics")).text
    assert 'odori_commands_total{domain="order",type="odori.order.PlaceOrder.v1"}' in metrics


async def test_a_confirmed_order_that_was_refunded_says_so(tmp_path: Path) -> None:
    async with opened(tmp_path) as house:
        await danced(house)
        before = (await house.client.get("/api/orders/O-1")).json()
        asked = {"orderId": "O-1", "customerId": "ann", "requestId": "r1"}
        assert (await house.operate("/api/payment/refund-payment", asked)).status_code == 202
        await house.until("PaymentRefunded")
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not (order := (await house.client.get("/api/orders/O-1")).json())["refunded"]:
                pass  # every look is a read of the store
        assert (before["status"], before["refunded"]) == ("CONFIRMED", False)
        assert order["status"] == "CONFIRMED"
        page = (await house.client.get("/", headers={"accept": "text/html"})).text
        assert '<b class="confirmed">CONFIRMED</b> <small>refunded</small>' in page


async def test_after_a_restart_the_page_remembers_the_latest_orders(tmp_path: Path) -> None:
    async with opened(tmp_path) as house:
        await danced(house)
    async with opened(tmp_path) as house:
        twin = (await house.client.get("/", headers={"accept": "application/json"})).json()
        assert {o["orderId"] for o in twin["orders"]} == {"O-1", "O-2"}
        assert all(topic["total"] == 0 for topic in twin["topics"]), "rates are of this process"


async def test_what_customers_send_is_text_and_never_markup(tmp_path: Path) -> None:
    evil = "<script>alert(1)</script>"
    async with opened(tmp_path) as house:
        await house.stock_up()
        await house.post("/api/orders", order(evil, customerId=evil))
        page = (await house.client.get("/")).text
        assert evil not in page
        assert "&lt;script&gt;" in page


async def test_who_watches_is_sent_the_changes(tmp_path: Path) -> None:
    async with opened(tmp_path) as house:
        stream = house.app.state.live.events()
        async with asyncio.timeout(PATIENCE_SECONDS):
            first = await anext(stream)
            assert first.startswith(b"event: parts\ndata: {")
            await danced(house)
            while b"O-2" not in (event := await anext(stream)):
                pass  # one look a second
        parts = json.loads(event.partition(b"data: ")[2])
        assert parts.keys() == {"readiness", "orders", "topics"}
        await house.app.state.live.close()
        with pytest.raises(StopAsyncIteration):
            await anext(stream)
        assert (await house.client.get("/dashboard/events")).status_code == 503


def test_rates_are_taken_over_whole_seconds_and_fade() -> None:
    now = [100.0]
    floor = Floor(lambda: now[0])
    for second in range(5):
        now[0] = 100.0 + second
        floor.hear([envelope(n) for n in range(20)])
    now[0] = 105.0
    assert floor.topics(["order.events"])[0].per_second == 100 / RATE_WINDOW_S
    now[0] = 200.0
    topic = floor.topics(["order.events"])[0]
    assert (topic.per_second, topic.total) == (0.0, 100)


def test_the_floor_is_bounded_however_much_is_danced() -> None:
    floor = Floor(lambda: 0.0)
    for start in range(0, 50_000, 500):
        floor.hear([envelope(start + n) for n in range(500)])
    assert floor.topics(["order.events"])[0].total == 50_000
    sagas = floor.sagas()
    assert (len(sagas), sagas[0]) == (SAGAS_MAX_COUNT, "O-49999")
    held = [v for v in vars(floor).values() if isinstance(v, deque)]
    assert all(len(queue) <= SAGAS_MAX_COUNT for queue in held)


async def test_pages_load_nothing_from_elsewhere_and_browsers_are_told_so(tmp_path: Path) -> None:
    async with opened(tmp_path) as house:
        for path in ("/", "/asyncapi", "/docs"):
            answer = await house.client.get(path, headers={"accept": "text/html"})
            assert "default-src 'self'" in answer.headers["content-security-policy"]
            assets = re.findall(r'(?:src|href)="([^"]+\.(?:js|css|svg))"', answer.text)
            assert assets
            for asset in assets:
                assert asset.startswith("/static/")
                assert (await house.client.get(asset)).status_code == 200
            assert "<script>" not in answer.text
            assert "<style" not in answer.text
            for place in ("/", "/asyncapi", "/docs"):
                assert f'<a href="{place}"' in answer.text, "every page leads to the others"


def test_vendored_files_are_what_was_vendored() -> None:
    folder = FOLDER / "vendor" / "swagger-ui"
    lines = (folder / "SHA256SUMS").read_text().splitlines()
    sums = {name: digest for digest, name in map(str.split, lines)}
    files = {file.name for file in folder.iterdir()} - {"SHA256SUMS", "README"}
    assert sums.keys() == files
    for name, digest in sums.items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest


def test_every_colour_of_text_has_enough_contrast_in_light_and_dark() -> None:
    css = (FOLDER / "odori.css").read_text()
    pairs = re.findall(r"--(\w+): light-dark\(#(\w{6}), #(\w{6})\)", css)
    colours = {name: (light, dark) for name, light, dark in pairs}
    for name in ("ink", "soft", "accent", "good", "bad", "back"):
        for scheme in (0, 1):
            assert contrast(colours[name][scheme], colours["paper"][scheme]) >= 4.5, name


def contrast(one: str, other: str) -> float:
    """WCAG 2.2 contrast ratio."""
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    red, green, blue = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
