"""`odori watch`: one picture for scripts."""

from pathlib import Path

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
