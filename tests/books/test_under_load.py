"""Beside a running system under load the books never cry wolf; then they find what is wrong."""

import asyncio
from pathlib import Path

from streams.books.check import Verdict, check
from tests.books.trading import (
    PATIENCE_S,
    by_hand,
    home_at,
    open_shop,
    order,
    send_all,
    trade,
    trading,
)

#: Orders that pass by while the books are read again and again.
ORDERS_COUNT = 1_500


async def test_under_load_they_never_cry_wolf(tmp_path: Path) -> None:
    data = tmp_path / "data"
    async with trading(data) as system:
        await open_shop(system)
        load = asyncio.create_task(send_all(system, [order(f"L-{n}") for n in range(ORDERS_COUNT)]))
        verdicts: list[Verdict] = []
        async with asyncio.timeout(PATIENCE_S):
            while not load.done() or verdicts[-1] is not Verdict.BALANCED:
                books = await asyncio.to_thread(check, home_at(data))
                assert books.differences == []
                verdicts.append(books.verdict)
        assert Verdict.MOVING in verdicts, "it was not under load"
        assert books.totals["orders placed"] == ORDERS_COUNT


async def test_what_is_wrong_inside_a_store_is_found_while_others_move(tmp_path: Path) -> None:
    data = tmp_path / "data"
    async with trading(data) as system:
        await open_shop(system)
        by_hand(
            data,
            "inventory",
            """UPDATE "inventory$stock"
            SET available_quantity = available_quantity - 1 WHERE product_id = 'miso'""",
        )
        load = asyncio.create_task(trade(system, count=5))
        books = await asyncio.to_thread(check, home_at(data))
        await load
        assert [(d.book, d.key) for d in books.differences] == [("stock", "miso")] * 2
