"""`odori flow`: the same graph as text, as Mermaid and as JSON."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from streams.flow import as_mermaid, as_text
from streams.topology import Topology
from tests.cli.conftest import odori
from tests.given import TOPOLOGY
from tests.trade import COMMERCE

GOLDEN = Path(__file__).parent / "golden"


@pytest.mark.parametrize(
    ("draw", "form", "file"),
    [(as_text, "text", "flow.txt"), (as_mermaid, "mermaid", "flow.mmd")],
)
def test_the_flow_of_an_order_is_the_one_that_was_reviewed(
    draw: Callable[[Topology], str], form: str, file: str
) -> None:
    parts = {name: part for name, part in TOPOLOGY.parts.items() if name in COMMERCE}
    drawn = draw(Topology(TOPOLOGY.catalogue, parts)) + "\n"
    mend = f"if the change is meant: odori flow --format {form} > tests/cli/golden/{file}"
    assert drawn == (GOLDEN / file).read_text("utf-8"), mend


def test_all_forms_come_from_the_command() -> None:
    assert odori("flow").output == as_text(TOPOLOGY) + "\n"
    assert odori("flow", "--format", "mermaid").output == as_mermaid(TOPOLOGY) + "\n"


def test_json_names_every_undo_with_its_failures() -> None:
    undos = {step["step"]: step["undo"] for step in as_json()["steps"] if step["undo"]}
    assert undos["payment.charge"]["on"] == ["ShipmentRefused"]
    assert undos["inventory.reserve"]["name"] == "inventory.release"


def test_every_announcement_is_an_edge_to_each_step_that_hears_it() -> None:
    edges = {(e["from"], e["message"], e["to"]) for e in as_json()["edges"]}
    assert ("shipping.arrange", "ShipmentRefused", "payment.give_back") in edges
    assert ("", "PlaceOrder", "order.place") in edges
    assert ("inventory.commit", "StockLow", "") in edges


def as_json() -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = json.loads(odori("flow", "--format", "json").output)
    return found
