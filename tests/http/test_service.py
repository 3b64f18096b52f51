"""What machines ask: metrics, documents of the interfaces, CORS."""

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from schemas.catalogue import on_the_wire
from streams.intake.asyncapi import document
from streams.topology import discover
from tests.http.house import opened, order

SCHEMA = Path(__file__).with_name("asyncapi-3.1.0.schema.json")


async def test_metrics_tell_levels_and_counts(tmp_path: Path) -> None:
    async with opened(tmp_path) as house:
        await house.stock_up()
        await house.post("/api/orders", order())
        await house.until("StockCommitted")
        answer = await house.client.get("/metrics")
        assert answer.headers["content-type"].startswith("text/plain")
        lines = dict(line.rsplit(" ", 1) for line in answer.text.splitlines() if line[0] != "#")
        for domain in house.system.stores:
            assert lines[f'odori_commands_waiting{{domain="{domain}"}}'] == "0.0"
            assert lines[f'odori_parked{{domain="{domain}",state="waiting"}}'] == "0.0"
            assert lines[f'odori_parked{{domain="{domain}",state="dead"}}'] == "0.0"
            assert f'odori_timers{{domain="{domain}"}}' in lines
            assert f'odori_outbox_unpublished{{domain="{domain}"}}' in lines
        lag = 'odori_lag_messages{subscriber="inventory",topic="order.events"}'
        assert float(lines[lag]) >= 0
        assert float(lines[lag.replace("messages", "seconds")]) >= 0


def asyncapi() -> dict[str, Any]:
    return json.loads(json.dumps(document(discover(), "1.0")))  # type: ignore[no-any-return]


def test_the_asyncapi_document_is_valid_and_a_broken_one_is_not() -> None:
    check = jsonschema.Draft7Validator(json.loads(SCHEMA.read_text()))
    made = asyncapi()
    assert not [error.message for error in check.iter_errors(made)]
    del made["info"]["title"]
    assert list(check.iter_errors(made))


def test_the_asyncapi_document_has_every_topic_message_and_step() -> None:
    made, topology = asyncapi(), discover()
    assert set(made["channels"]) == set(topology.topics)
    wires = {m.spec.wire for m in topology.catalogue.by_name.values() if on_the_wire(m)}
    assert wires <= made["components"]["messages"].keys()
    for part in topology.parts.values():
        for step in part.domain.steps.values():
            titles = {operation["title"] for operation in made["operations"].values()}
            assert (step.full_name in titles) or not any(map(on_the_wire, step.triggers))


def test_every_reference_in_the_asyncapi_document_leads_somewhere() -> None:
    made = asyncapi()
    found = list(references(made))
    assert found
    for reference in found:
        place: Any = made
        for part in reference.removeprefix("#/").split("/"):
            place = place[part]


def references(node: Any) -> list[str]:
    if isinstance(node, list):
        return [r for value in node for r in references(value)]
    if isinstance(node, dict):
        own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
        return own + [r for value in node.values() for r in references(value)]
    return []


async def test_the_page_of_messages_names_each_with_its_speakers_and_hearers(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path) as house:
        page = (await house.client.get("/asyncapi")).text
        assert "<code>odori.order.OrderPlaced.v1</code>" in page
        assert re.search(r"<td>order\.place</td><td>[^<]*\binventory\.reserve\b", page)
        assert re.search(r"<td>inventory\.release</td><td>[^<]*\border\.note_released\b", page)
        served = (await house.client.get("/asyncapi.json")).json()
        assert served["asyncapi"] == "3.1.0"


@pytest.mark.parametrize(
    ("origin", "allowed"), [("https://shop.example", True), ("https://evil.example", False)]
)
async def test_only_origins_of_the_list_may_call_from_a_browser(
    tmp_path: Path, origin: str, allowed: bool
) -> None:
    async with opened(tmp_path, cors=("https://shop.example",)) as house:
        asked = {"origin": origin, "access-control-request-method": "POST"}
        preflight = await house.client.options("/api/orders", headers=asked)
        answer = await house.client.get("/healthz", headers={"origin": origin})
        for response in (preflight, answer):
            given = response.headers.get("access-control-allow-origin")
            assert given == (origin if allowed else None)


async def test_without_a_list_no_origin_may(tmp_path: Path) -> None:
    async with opened(tmp_path) as house:
        answer = await house.client.get("/healthz", headers={"origin": "https://shop.example"})
        assert "access-control-allow-origin" not in answer.headers


async def test_a_rebound_name_does_not_reach_a_service_of_this_machine(tmp_path: Path) -> None:
    async with opened(tmp_path) as house:
        for name, status in {"evil.example": 400, "localhost:3000": 200, "[::1]:3000": 200}.items():
            answer = await house.client.get("/healthz", headers={"host": name})
            assert answer.status_code == status
