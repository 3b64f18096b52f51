"""A year of Northwind's trade to its end, on both bindings; the summary is what the books say."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.books import announced, check_once, check_the_books
from tests.e2e.process import run, up
from tests.e2e.shop import query

ORDERS_COUNT = 830


async def played(data: Path, kafka: str, *more: str) -> dict[str, Any]:
    """The summary of the year, and the books behind it."""
    environ = {"ODORI_KAFKA": kafka}
    async with up(data, kafka=kafka) as odori:
        code, out, errors = await run(
            "publish", "northwind", "--json", "--data", data, *more, environ=environ
        )
        assert code == 0, errors
        told: dict[str, Any] = json.loads(out)
        await odori.when(lambda: at_rest(data))
        code, said, errors = await run("check", "--wait", 30, "--data", data, environ=environ)
        assert (code, errors) == (0, ""), said
        assert await odori.stop() < 3
    return told


def at_rest(data: Path) -> bool:
    """Whether nothing is reserved any more: an order ends before its stock is committed."""
    return not query(
        data, "inventory", 'SELECT 1 FROM "inventory$stock" WHERE reserved_quantity > 0'
    )


def check_the_summary(data: Path, told: dict[str, Any], unpaid: str) -> None:
    ends = Counter(query(data, "order", 'SELECT status, reason FROM "order$order"'))
    assert told["orders"] == ORDERS_COUNT
    assert told["confirmed"] == ends.pop(("CONFIRMED", None)) > 0
    assert {("CANCELLED", reason): n for reason, n in told["cancelled"].items()} == ends
    assert {"stock", unpaid, "destination"} == told["cancelled"].keys()
    assert (told["rejected"], told["notEnded"], told["existedAlready"]) == ({}, 0, 0)
    said = sum(announced(data).values(), Counter())
    back = told["compensations"]
    assert back["order.place"] == said["OrderCancelled"] == sum(told["cancelled"].values())
    assert (
        back["inventory.reserve"]
        == said["StockReleased"]
        == said["StockReserved"] - (told["confirmed"])
    )
    assert back["payment.charge"] == said["PaymentRefunded"] == told["cancelled"]["destination"]
    assert 0 < told["p50Ms"] <= told["p99Ms"]


async def year(data: Path, kafka: str, *more: str) -> None:
    told = await played(data, kafka, *more)
    print({name: told[name] for name in ("confirmed", "cancelled", "ordersPerSecond", "p50Ms")})
    check_the_summary(data, told, "declined" if more[-1:] == ("card",) else "funds")
    check_the_books(data)
    check_once(data, [i for (i,) in query(data, "order", 'SELECT order_id FROM "order$order"')])


@pytest.mark.parametrize("more", [(), ("--pay-by", "card")], ids=["wallet", "card"])
async def test_northwind_on_the_embedded_bus(more: tuple[str, ...], tmp_path: Path) -> None:
    if more:
        (tmp_path / "provider.rules").write_text("decline ERNSH/*\nlate SAVEA/*\ntimeout QUICK/*\n")
    await year(tmp_path, "", *more)


@pytest.mark.service
@pytest.mark.parametrize("via", ["http", "bus"])
async def test_northwind_over_kafka(via: str, tmp_path: Path, emptied: str) -> None:
    await year(tmp_path, emptied, "--via", via)
