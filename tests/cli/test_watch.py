"""`odori watch`: one picture for scripts, and what fits on a low and narrow terminal."""

import io
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from streams.commands.watch import picture
from tests.cli.conftest import odori, told


def test_once_shows_topics_and_the_latest_orders(shop: Path) -> None:
    said = odori("watch", "--once", "--data", shop).output
    assert "inventory.events" in said
    assert "CONFIRMED" in said


def test_into_a_pipe_it_writes_one_plain_picture(shop: Path) -> None:
    said = odori("watch", "--data", shop)
    assert said.exit_code == 0
    assert "inventory.events" in said.output
    assert "\x1b" not in said.output


def test_json_has_the_lag_of_every_topic(shop: Path) -> None:
    said = told("watch", "--data", shop)
    assert {"order.events", "payment.failures"} <= {topic["name"] for topic in said["topics"]}
    assert all(topic["lag_messages"] >= 0 for topic in said["topics"])


def drawn(look: dict[str, Any], height: int | None) -> list[str]:
    """The picture's lines on a terminal of 80 columns."""
    console = Console(file=io.StringIO(), width=80, height=24)
    with console.capture() as capture:
        console.print(picture(look, height))
    return capture.get().splitlines()


def test_a_small_terminal_shows_the_verdict_then_orders_then_topics_that_speak(shop: Path) -> None:
    look = told("watch", "--data", shop)
    lines = drawn(look, 24)
    assert len(lines) <= 24
    assert lines[0].rstrip() == "ready"
    newest = [order["orderId"] for order in look["orders"]]
    assert [line.split()[0] for line in lines[3:10]] == newest[:7]
    assert any(line.startswith("order.events ") for line in lines)
    assert not any(line.startswith("order.dlq ") for line in lines), "it never had an event"


def test_few_orders_leave_the_room_to_topics(shop: Path) -> None:
    look = told("watch", "--data", shop)
    lines = drawn(look | {"orders": look["orders"][:1]}, 30)
    assert len(lines) <= 30
    assert all(any(line.startswith(t["name"]) for line in lines) for t in look["topics"])


@pytest.mark.parametrize("height", [1, 5, 6, 8])
def test_however_low_the_terminal_it_has_a_picture(shop: Path, height: int) -> None:
    assert len(drawn(told("watch", "--data", shop), height)) <= max(height, 5)


def test_no_row_takes_two_lines_and_quiet_topics_come_last(
    shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    look = told("watch", "--data", shop)
    monkeypatch.setenv("COLUMNS", "80")
    lines = odori("watch", "--once", "--data", shop).output.splitlines()
    assert len(lines) == 5 + len(look["orders"]) + len(look["topics"])
    topics = {topic["name"]: topic for topic in look["topics"]}
    spoke = [bool(topics[line.split()[0]]["last_type"]) for line in lines[-len(topics) :]]
    assert spoke == sorted(spoke, reverse=True)


def test_a_lag_that_is_not_known_is_a_question_mark_beside_the_reason(shop: Path) -> None:
    look = told("watch", "--data", shop)
    why = "not ready: its bus does not answer (order)"
    silent = [topic | {"lag_messages": None, "lag_seconds": None} for topic in look["topics"]]
    lines = drawn(look | {"readiness": why, "topics": silent}, None)
    assert lines[0].rstrip() == why
    assert all(line.split()[3] == "?" for line in lines[-len(silent) :])
