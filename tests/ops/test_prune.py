"""Pruning takes what nobody needs any more, and the books go on without it."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from streams import prune
from streams.books.check import Verdict, check
from streams.cli import main
from streams.publishing.ends import End, StoreEnds
from streams.readers import readers
from streams.topology import discover
from tests.books.trading import asked, at_rest, by_hand, home_at, open_shop, trade, trading

STORES = tuple(discover().parts)


def pruned(data: Path, *args: str) -> dict[str, Any]:
    words = ["prune", "--older-than", "0s", "--json", "--data", str(data), *args]
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 0, result.output
    return dict(json.loads(result.output))


def count(data: Path, store: str, table: str, where: str = "1 = 1") -> int:
    [[found]] = asked(data, store, f'SELECT count(*) FROM "{store}${table}" WHERE {where}')
    return int(found)


def test_the_books_go_on_without_the_messages(traded: Path) -> None:
    before = check(home_at(traded)).totals
    rows = {store: count(traded, store, "ledger") for store in STORES}
    dry = pruned(traded, "--dry-run")
    assert dry["outbox"] == sum(count(traded, store, "outbox") for store in STORES)
    done = pruned(traded)
    assert done["outbox"] == dry["outbox"] > 300
    assert done["ledger_bodies"] == dry["ledger_bodies"] > 50
    assert [count(traded, store, "outbox") for store in STORES] == [0] * len(STORES)
    assert [count(traded, store, "ledger", "heard IS NOT NULL") for store in STORES] == [0] * len(
        STORES
    )
    assert {store: count(traded, store, "ledger") for store in STORES} == rows
    books = check(home_at(traded))
    assert (books.verdict, books.differences, books.totals) == (Verdict.BALANCED, [], before)
    assert pruned(traded)["outbox"] == 0


def test_a_unit_moved_by_hand_is_found_after_pruning_as_before(traded: Path) -> None:
    pruned(traded)
    by_hand(traded, "payment", 'UPDATE "payment$wallet" SET charged = charged + 1,'
            " opening = opening + 1 WHERE customer_id = 'ann'")  # fmt: skip
    assert {(d.key, d.what.split(",")[0]) for d in check(home_at(traded)).differences} == {
        ("ann", "charged"),
        ("ann", "opening"),
    }


def test_what_a_subscriber_has_not_heard_stays(traded: Path) -> None:
    sql = """UPDATE "payment$positions" SET sequence = {} WHERE publisher = 'inventory'"""
    by_hand(traded, "payment", sql.format(0))
    pruned(traded)
    where = "type LIKE '%StockReserved%'"
    assert count(traded, "inventory", "outbox", where) > 20
    assert count(traded, "order", "outbox") == 0


def test_what_a_connector_has_not_heard_stays(traded: Path) -> None:
    lane = asked(traded, "payment", 'SELECT lane FROM "payment$lanes" ORDER BY next DESC')[0][0]
    by_hand(traded, "payment", "DELETE FROM \"payment$positions\" WHERE subscriber LIKE '%.%'")
    void = "type = 'odori.payment.VoidRequested.v1'"
    by_hand(traded, "payment", f'UPDATE "payment$outbox" SET {void}'
            f" WHERE lane = '{lane}' AND sequence = 7")  # fmt: skip
    by_hand(traded, "payment", """UPDATE "payment$positions" SET sequence = 6
            WHERE subscriber = 'payment.connector'""")  # fmt: skip
    pruned(traded)
    assert min(asked(traded, "payment", 'SELECT sequence FROM "payment$outbox"')) == (7,)


def test_what_is_young_stays(traded: Path) -> None:
    done = pruned(traded, "--older-than", "1h")
    assert {done[name] for name in ("outbox", "ledger_bodies", "parked", "idempotency")} == {0}


def test_an_order_whose_saga_has_not_ended_keeps_what_its_undo_needs(traded: Path) -> None:
    by_hand(traded, "shipping", """DELETE FROM "shipping$ledger" WHERE saga = 'A-0-a'""")
    pruned(traded)
    assert count(traded, "inventory", "ledger", "heard IS NOT NULL") == 1


async def ends(data: Path) -> list[End]:
    """How `odori publish` sees the orders when it comes once more."""
    sql = 'SELECT order_id, customer_id FROM "order$order" ORDER BY order_id'
    topology = discover()
    async with readers(home_at(data), topology) as stores:
        return await StoreEnds(stores, topology).look(asked(data, "order", sql))


def test_orders_have_ended_as_they_had_before(traded: Path) -> None:
    before = asyncio.run(ends(traded))
    assert {end.outcome for end in before} == {"confirmed", "cancelled"}
    pruned(traded)
    assert asyncio.run(ends(traded)) == before


@pytest.mark.parametrize("order", ["A-0-sunk", "A-0-short", "A-0-poor"])
def test_the_story_of_a_compensated_order_ends_as_before(traded: Path, order: str) -> None:
    before, _ = story(traded, order), pruned(traded)
    after = story(traded, order)
    assert after["state"] == before["state"] == "compensated"
    heard = {m["heard"] for m in after["moments"] if m["state"] == "undone"}
    assert heard == {""}


def story(data: Path, saga: str) -> dict[str, Any]:
    result = CliRunner().invoke(main, ["saga", saga, "--json", "--data", str(data)])
    assert result.exit_code == 0, result.output
    return dict(json.loads(result.output))


async def test_lanes_of_processes_that_are_gone_go_with_their_positions(traded: Path) -> None:
    async with trading(traded):
        await at_rest(traded)
    done = await asyncio.to_thread(pruned, traded)
    assert done["lanes"] == len(STORES)
    assert done["positions"] >= 16
    async with trading(traded) as system:
        done = await asyncio.to_thread(pruned, traded)
        assert done["lanes"] == len(STORES)
        await trade(system, "B", 2)
        assert (await at_rest(traded)).verdict is Verdict.BALANCED


async def test_pruning_beside_a_system_under_load_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prune, "STEP_MAX_ROWS", 20)
    async with trading(tmp_path) as system:
        await open_shop(system)
        gone, rounds = 0, 0
        while gone < 100:
            load = asyncio.create_task(trade(system, f"R{rounds}", count=5))
            gone += (await asyncio.to_thread(pruned, tmp_path))["outbox"]
            assert (await asyncio.to_thread(check, home_at(tmp_path))).differences == []
            await load
            rounds += 1
        books = await at_rest(tmp_path)
        assert (books.verdict, books.totals["orders placed"]) == (Verdict.BALANCED, rounds * 25)
