"""`odori publish`: both ways in, every outcome, twice without harm, and trouble in one sentence."""

import asyncio
import json
import socket
from pathlib import Path
from typing import Any

import pytest

from schemas.order import PlaceOrder
from streams.home import Files
from streams.northwind.year import Year
from streams.publishing.ends import StoreEnds
from streams.publishing.follow import Follower
from streams.publishing.over_bus import LaneSender
from streams.publishing.pace import Pace
from streams.readers import readers
from streams.terminal import CANNOT, NO, WRONG, alive
from streams.topology import discover
from tests.cli.conftest import PATIENCE_S, SMALL, odori, told, up


def order(order_id: str | None, product: str = "75", quantity: int = 1, **more: Any) -> str:
    """One line of a file."""
    body: dict[str, Any] = {
        "customerId": "SAVEA",
        "items": [{"productId": product, "quantity": quantity}],
        "shippingAddress": {"line1": "59 rue de l'Abbaye", "country": "France"},
        "paymentMethod": "wallet",
    }
    return json.dumps(body | ({"orderId": order_id} if order_id else {}) | more)


@pytest.mark.parametrize("via", ["http", "bus"])
def test_northwind_has_every_outcome_and_every_order_ends(via: str, tmp_path: Path) -> None:
    with up(tmp_path):
        said = told("publish", "northwind", *SMALL, "--via", via, "--data", tmp_path)
    assert said["orders"] == 40
    assert said["notEnded"] == 0
    assert said["confirmed"] > 10
    assert {"stock", "funds", "destination"} == said["cancelled"].keys()
    assert said["confirmed"] + sum(said["cancelled"].values()) == 40
    assert said["compensations"]["order.place"] == sum(said["cancelled"].values())
    assert said["compensations"]["payment.charge"] == said["cancelled"]["destination"]
    assert 0 < said["p50Ms"] <= said["p99Ms"]


def test_a_second_run_finds_that_the_orders_exist_and_ends_well(shop: Path) -> None:
    said = told("publish", "northwind", *SMALL, "--data", shop)
    assert said["existedAlready"] == 40
    assert said["notEnded"] == 0
    shown = odori("publish", "northwind", *SMALL, "--via", "bus", "--data", shop)
    assert shown.exit_code == 0
    assert "that existed already" in shown.output


def test_another_prefix_plays_another_year(shop: Path) -> None:
    said = told("publish", "northwind", *SMALL, "--prefix", "Y2", "--data", shop)
    assert said["existedAlready"] == 0
    assert said["orders"] == 40
    assert said["confirmed"] > 0


@pytest.mark.parametrize("via", ["http", "bus"])
def test_a_file_has_one_order_per_line(via: str, shop: Path, tmp_path: Path) -> None:
    file = tmp_path / "orders.jsonl"
    file.write_text("\n".join([order(f"F-{via}-{n}") for n in range(5)]) + "\n\n")
    said = told("publish", file, "--via", via, "--data", shop, "--rate", 500)
    assert (said["orders"], said["confirmed"]) == (5, 5)


def test_lines_without_an_id_are_the_same_orders_again_unless_the_prefix_differs(
    shop: Path,
) -> None:
    lines = order(None)
    first = told("publish", "-", "--data", shop, stdin=lines)
    again = told("publish", "-", "--data", shop, stdin=lines)
    other = told("publish", "-", "--data", shop, "--prefix", "x", stdin=lines)
    assert [said["existedAlready"] for said in (first, again, other)] == [0, 1, 0]


def test_count_takes_only_the_first_orders(shop: Path) -> None:
    lines = "\n".join([order("C-1"), order("C-2"), order("C-3")])
    said = told("publish", "-", "--count", 2, "--data", shop, stdin=lines)
    assert said["orders"] == 2


def test_a_line_that_is_no_order_is_named_and_the_others_are_published(shop: Path) -> None:
    lines = "\n".join([order("B-1"), order("B-2", quantity=0), "[]", "{", order("B-3")])
    result = odori("publish", "-", "--data", shop, "--json", stdin=lines)
    said = json.loads(result.stdout)
    assert result.exit_code == NO
    assert said["confirmed"] == 2
    assert [wrong.split(":")[0] for wrong in said["unreadable"]] == ["line 2", "line 3", "line 4"]
    assert "line 2: /items/0/quantity" in result.stderr


@pytest.mark.parametrize("via", ["http", "bus"])
def test_a_line_that_comes_twice_is_one_order_that_did_not_exist_before(
    via: str, shop: Path
) -> None:
    lines = "\n".join([order(f"T-{via}-1"), order(f"T-{via}-2"), *[order(f"T-{via}-1")] * 3])
    said = told("publish", "-", "--via", via, "--data", shop, stdin=lines)
    assert (said["orders"], said["confirmed"], said["notEnded"]) == (2, 2, 0)
    assert said["existedAlready"] == 0


def test_an_order_keeps_its_result_when_a_later_line_contradicts_it(shop: Path) -> None:
    lines = "\n".join([order("X-1"), order("X-1", quantity=2)])
    said = told("publish", "-", "--rate", 20, "--data", shop, stdin=lines)
    assert (said["orders"], said["confirmed"], said["notEnded"]) == (2, 1, 0)
    assert sum(said["rejected"].values()) == 1
    again = told("publish", "-", "--data", shop, stdin=order("X-1", quantity=3))
    assert (again["orders"], again["confirmed"], again["notEnded"]) == (1, 0, 0)
    assert sum(again["rejected"].values()) == 1


@pytest.mark.parametrize("piped", [True, False])
def test_a_line_that_is_no_text_is_a_line_that_is_no_order(
    piped: bool, shop: Path, tmp_path: Path
) -> None:
    name = f"N-{piped}"
    wrong = [b"\xff\xfe", b'{"a":"\xff"}', b'{"orderId": "\\ud800"}']
    lines = b"\n".join([order(f"{name}-1").encode(), *wrong, order(f"{name}-2").encode()])
    file = tmp_path / "orders.jsonl"
    file.write_bytes(lines)
    source = "-" if piped else file
    result = odori("publish", source, "--data", shop, "--json", stdin=lines if piped else None)
    said = json.loads(result.stdout)
    assert (result.exit_code, said["orders"], said["confirmed"]) == (NO, 2, 2)
    assert [wrong.split(":")[0] for wrong in said["unreadable"]] == ["line 2", "line 3", "line 4"]
    assert "is no UTF-8: invalid start byte at byte 1" in said["unreadable"][0]


def test_the_progress_bar_counts_on_orders_only(shop: Path, tmp_path: Path) -> None:
    file = tmp_path / "orders.jsonl"
    file.write_text("\n".join(["[]", order("P-1"), "{", order("P-2")]))
    result = odori("publish", file, "--data", shop)
    assert result.stderr.split()[-1] == "2/2"


@pytest.mark.parametrize("via", ["http", "bus"])
def test_an_order_of_an_unknown_product_is_rejected_in_the_same_words(via: str, shop: Path) -> None:
    lines = order(f"U-{via}", product="nothing")
    said = told("publish", "-", "--via", via, "--data", shop, stdin=lines)
    assert said["rejected"] == {"product": 1}


def test_a_running_system_elsewhere_is_asked_over_http(shop: Path, tmp_path: Path) -> None:
    url, elsewhere = alive(shop), tmp_path / "elsewhere"
    declined = order("R-3", customerId="FISSA")  # who never ordered and has nothing
    lines = "\n".join([order("R-1"), order("R-2", product="17", quantity=10_000), declined])
    said = told("publish", "-", "--url", url, "--data", elsewhere, stdin=lines)
    assert said["confirmed"] == 1
    assert said["cancelled"] == {"stock": 1, "funds": 1}
    assert said["compensations"] == {"place": 2, "reserve": 1}
    assert not elsewhere.exists()


def test_without_the_folders_secret_northwind_is_refused_in_one_sentence(
    shop: Path, tmp_path: Path
) -> None:
    result = odori("publish", "northwind", "--url", alive(shop), "--data", tmp_path / "elsewhere",
                   "--prefix", "X")  # fmt: skip
    assert result.exit_code == CANNOT
    assert "operator" in result.output


def test_on_the_bus_with_nothing_running_orders_wait_for_the_next_start(tmp_path: Path) -> None:
    with up(tmp_path):
        told("publish", "northwind", "--count", 1, "--data", tmp_path)
    left = odori("publish", "-", "--via", "bus", "--data", tmp_path, stdin=order("L-1"))
    assert left.exit_code == 0
    assert f"odori up --data {tmp_path}" in left.output
    with up(tmp_path):
        said = told("publish", "-", "--data", tmp_path, stdin=order("L-1"))
    assert (said["existedAlready"], said["confirmed"]) == (1, 1)


def test_on_the_bus_an_empty_shop_with_nobody_to_open_it_is_no_place_for_orders(
    tmp_path: Path,
) -> None:
    result = odori("publish", "northwind", "--via", "bus", "--data", tmp_path)
    assert result.exit_code == CANNOT
    assert f"odori up --data {tmp_path}" in result.output


def test_an_address_elsewhere_has_no_bus_of_ours(tmp_path: Path) -> None:
    result = odori("publish", "-", "--via", "bus", "--url", "http://x", "--data", tmp_path)
    assert result.exit_code == WRONG
    assert "--via http" in result.output


def test_a_broker_that_is_gone_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{nobody.getsockname()[1]}"
        monkeypatch.setenv("ODORI_KAFKA", address)
        result = odori("publish", "-", "--via", "bus", "--data", tmp_path, stdin=order("K-1"))
    assert result.exit_code == CANNOT
    assert address in result.output


def test_a_system_that_is_gone_meanwhile_is_named(tmp_path: Path) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        result = odori("publish", "-", "--url", url, "--data", tmp_path, stdin=order("G-1"))
    assert result.exit_code == CANNOT
    assert f"{url} does not answer" in result.output


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    result = odori("publish", f"{tmp_path}/orders.jsonl")
    assert result.exit_code == 2
    assert "orders.jsonl" in result.output


def test_an_operators_command_on_the_bus_without_the_folders_secret_does_nothing(
    shop: Path,
) -> None:
    [forged], topology = Year(prefix="FORGED").orders(1), discover()
    after = PlaceOrder.parse(order("AFTER-1"))

    async def forge() -> list[str]:
        forger = LaneSender(Files(shop), topology, "another secret", Pace(None))
        await forger.send([forged, after], lambda commands: None)
        await forger.close()
        async with readers(Files(shop), topology) as stores:
            follower = Follower(StoreEnds(stores, topology), lambda end: None)
            follower.add((after.order_id, after.customer_id))
            follower.complete()
            await follower.run(PATIENCE_S)
        return [end.outcome for end in follower.ends]

    assert asyncio.run(forge()) == ["confirmed"]  # so what came before it in the lane was heard
    story = told("saga", forged.order_id, "--data", shop)
    assert story["moments"] == []
    assert [parked["state"] for parked in story["parked"]] == ["dead"]
    assert "operator" in story["parked"][0]["reason"]
