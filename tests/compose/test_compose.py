"""docker-compose.yml: what it promises, and one order through all of its containers."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
import yaml

from tests.services import need
from tests.services.compose import BUILD, FILE, ROOT, Composition, composed, images, lacking

FILES = ROOT / "infra" / "compose"
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load(FILE.read_text())["services"]
#: Requests, one after the other, until what is waited for is there; some 20 s at the least.
LOOKS_MAX_COUNT = 10_000
#: What one answer may take on a busy machine.
ANSWER_LIMIT_SECONDS = 30
OPTIONAL = {"prometheus", "alertmanager"}


def test_what_is_published_is_so_on_the_loopback_only_and_at_ports_that_may_be_changed() -> None:
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert {"gateway", "order", "inventory", "payment", "shipping"} <= published.keys()
    for name, ports in published.items():
        for port in ports:
            assert re.fullmatch(r"127\.0\.0\.1:\$\{ODORI_\w+_PORT:-\d+}:\d+", port), (name, port)
    usual = {name: re.findall(r":-(\d+)}", ports[0]) for name, ports in published.items()}
    parts = ("order", "inventory", "payment", "shipping", "gateway")
    assert [usual[part] for part in parts] == [["8080"], ["8081"], ["8082"], ["8083"], ["3000"]]


@pytest.mark.parametrize("name", SERVICES)
def test_every_container_is_bounded_and_gets_no_more_rights(name: str) -> None:
    service = SERVICES[name]
    assert {"mem_limit", "cpus", "restart", "logging"} <= service.keys()
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not service.keys() & {"privileged", "network_mode", "cap_add", "pid"}
    assert "healthcheck" in service or service["image"] == "odori"


def test_every_image_is_one_that_make_images_pulls_or_makes() -> None:
    made = set(re.findall(r"^image (\S+)", BUILD.read_text(), re.MULTILINE)) | {"odori"}
    named = {service["image"] for service in SERVICES.values()}
    assert named | {"python:3.11-slim"} == made
    assert not {image for image in named if image.endswith(":latest")}


def test_alerts_ask_for_metrics_that_there_are() -> None:
    sources = ("infra/observe.py", "streams/intake/health.py")
    known = set(re.findall(r'"(odori_\w+)"', "".join((ROOT / s).read_text() for s in sources)))
    rules = yaml.safe_load((FILES / "alerts.yml").read_text())["groups"][0]["rules"]
    asked = {name for rule in rules for name in re.findall(r"odori_\w+", rule["expr"])}
    assert len(asked) > 3
    assert {name.removesuffix("_total") for name in asked} <= known


@pytest.fixture(scope="module")
def composition(record_testsuite_property: Callable[[str, object], None]) -> Iterator[Composition]:
    """All containers, healthy, from nothing."""
    need(lacking())
    images()
    with composed() as composition:
        names = composition.up()
        record_testsuite_property("ran", f"{len(names)} containers: {', '.join(names)}")
        assert len(names) == len(SERVICES.keys() - OPTIONAL) + 1  # two intakes
        yield composition


@pytest.fixture(scope="module")
def gateway(composition: Composition) -> Iterator[httpx.Client]:
    key = composition.ask("exec", "-T", "dashboard", "cat", "/data/operator.key").strip()
    headers = {"x-odori-operator-key": key}
    with httpx.Client(
        base_url=composition.url, headers=headers, timeout=ANSWER_LIMIT_SECONDS
    ) as gateway:
        stock_up(gateway)
        yield gateway


@pytest.mark.service
def test_an_order_goes_through_the_gateway_to_every_domain_and_the_books_balance(
    composition: Composition, gateway: httpx.Client
) -> None:
    moments = ended(gateway, "A-1")
    assert {"order", "inventory", "payment", "shipping"} == {m["domain"] for m in moments}
    said = composition.ask("exec", "-T", "dashboard", "odori", "check", "--wait", "20")
    assert "The books: balanced" in said


@pytest.mark.service
def test_the_gateway_shows_the_dashboard_and_the_page_for_trying_commands_out(
    gateway: httpx.Client,
) -> None:
    assert "Dance floor" in gateway.get("/").text
    assert "/api/orders" in gateway.get("/openapi.json").json()["paths"]
    assert gateway.get("/docs").status_code == 200


@pytest.mark.service
def test_orders_are_taken_while_an_intake_is_dead(
    composition: Composition, gateway: httpx.Client
) -> None:
    dead = next(name for name in composition.healthy() if "intake" in name)
    composition.kill(dead)
    for number in range(4):
        assert ended(gateway, f"D-{number}")
    assert dead in composition.up()


@pytest.mark.service
def test_data_outlives_the_containers(composition: Composition, gateway: httpx.Client) -> None:
    ended(gateway, "L-1")
    composition.ask("down")
    composition.up()
    assert gateway.get("/api/orders/L-1").json()["status"] == "CONFIRMED"
    assert ended(gateway, "L-2")


@pytest.mark.service
def test_prometheus_sees_every_part_and_can_read_the_alerts(composition: Composition) -> None:
    assert len(composition.up("--profile", "observe")) == len(SERVICES) + 1
    api = f"http://127.0.0.1:{composition.ports['ODORI_PROMETHEUS_PORT']}/api/v1"
    parts = {"order": 1, "inventory": 1, "payment": 1, "shipping": 1, "intake": 2, "dashboard": 1}
    for _ in range(LOOKS_MAX_COUNT):
        found = httpx.get(f"{api}/query", params={"query": "sum by (part) (up)"}).json()
        seen = {r["metric"]["part"]: int(r["value"][1]) for r in found["data"]["result"]}
        if seen == parts:
            break
    assert seen == parts
    [group] = httpx.get(f"{api}/rules").json()["data"]["groups"]
    assert {rule["health"] for rule in group["rules"]} <= {"ok", "unknown"}


def stock_up(gateway: httpx.Client) -> None:
    """One product, and a wallet; until order knows what can be bought."""
    product = {
        "productId": "tea", "productName": "Tea", "category": "drinks", "currency": "USD",
        "unitPrice": "4.50", "quantity": 100,
    }  # fmt: skip
    wallet = {"customerId": "ann", "currency": "USD", "opening": "90.00"}
    for path, body in (("inventory/list-product", product), ("payment/open-wallet", wallet)):
        answer = gateway.post(f"/api/{path}", json=body)
        assert answer.status_code == 202, answer.text
    for _ in range(LOOKS_MAX_COUNT):
        if gateway.get("/api/order/listing").json()["rows"]:
            return
    raise AssertionError("order does not hear of the product")


def ended(gateway: httpx.Client, order_id: str) -> list[dict[str, Any]]:
    """Place an order; what happened until it was confirmed."""
    order = {
        "orderId": order_id, "customerId": "ann", "items": [{"productId": "tea", "quantity": 2}],
        "shippingAddress": {"line1": "1-1 Chiyoda", "prefecture": "Tokyo", "country": "JP"},
        "paymentMethod": "wallet",
    }  # fmt: skip
    answer = gateway.post("/api/orders", json=order)
    assert answer.status_code == 202, answer.text
    for _ in range(LOOKS_MAX_COUNT):
        story = gateway.get(f"/api/sagas/{order_id}").json()
        if story["state"] == "done":
            moments: list[dict[str, Any]] = story["moments"]
            return moments
    raise AssertionError(f"the order does not end: {story}")
