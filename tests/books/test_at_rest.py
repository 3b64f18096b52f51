"""At rest the books find a single unit that was moved by hand, and name it."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from streams.books.check import Verdict, check
from streams.cli import main
from tests.books.trading import asked, by_hand, home_at
from tests.trade import COMMERCE

SOME = "SELECT min(order_id) FROM"
CONFIRMED = """(SELECT min(order_id) FROM "order$order" WHERE status = 'CONFIRMED')"""


def test_what_was_traded_balances(traded: Path) -> None:
    books = check(home_at(traded))
    assert (books.verdict, books.differences, books.dead) == (Verdict.BALANCED, [], [])
    assert books.totals["orders placed"] == 50
    assert books.totals["orders placed"] == (
        books.totals["orders confirmed"] + books.totals["orders cancelled"]
    )
    assert books.totals["stock reserved"] == 0
    assert books.totals["wallet refunded"] > 0


STOCK = "UPDATE \"inventory$stock\" SET {} WHERE product_id = 'tea'"
WALLET = "UPDATE \"payment$wallet\" SET {} WHERE customer_id = 'ann'"
ONE_PLACED = """(SELECT min(id) FROM "order$outbox" WHERE type LIKE '%OrderPlaced%')"""
ONE_PAID = """(SELECT min(id) FROM "payment$outbox" WHERE type LIKE '%PaymentCompleted%')"""


@pytest.mark.parametrize(
    ("domain", "sql", "book", "key"),
    [
        ("inventory", STOCK.format("available_quantity = available_quantity + 1"), "stock", "tea"),
        ("inventory", STOCK.format("reserved_quantity = reserved_quantity + 1,"
         " available_quantity = available_quantity - 1"), "stock", "tea"),
        ("inventory", STOCK.format("committed = committed + 1, initial = initial + 1"),
         "stock", "tea"),
        ("payment", WALLET.format("balance = balance + 1"), "wallet", "ann"),
        ("payment", WALLET.format("balance = balance + 1, topped_up = topped_up + 1"),
         "wallet", "ann"),
        ("payment", WALLET.format("balance = balance - 1, charged = charged + 1"),
         "wallet", "ann"),
        ("order", f'DELETE FROM "order$outbox" WHERE id = {ONE_PLACED}', "orders", "all"),
        ("payment", f'DELETE FROM "payment$outbox" WHERE id = {ONE_PAID}', "wallet", None),
        ("order", 'DELETE FROM "order$order" WHERE order_id = \'A-0-a\'', "order", "A-0-a"),
        ("order", 'DELETE FROM "order$ledger" WHERE saga = \'A-0-a\'', "order", "A-0-a"),
        ("order", "UPDATE \"order$order\" SET status = 'PLACED' WHERE order_id = 'A-0-poor'",
         "order", "A-0-poor"),
        ("inventory", ("UPDATE \"inventory$reservation\" SET status = 'RESERVED'"
         " WHERE order_id = 'A-0-poor'"), "order", "A-0-poor"),
        ("payment", ("UPDATE \"payment$payment\" SET status = 'COMPLETED'"
         " WHERE order_id = 'A-0-sunk'"), "order", "A-0-sunk"),
        ("payment", ("UPDATE \"payment$payment\" SET amount = amount + 1"
         " WHERE order_id = 'A-0-a'"), "order", "A-0-a"),
        ("shipping", "DELETE FROM \"shipping$shipment\" WHERE status = 'ARRANGED'",
         "shipments", "all"),
    ],
)  # fmt: skip
def test_what_was_moved_by_hand_is_found_and_named(
    traded: Path, domain: str, sql: str, book: str, key: str | None
) -> None:
    by_hand(traded, domain, sql)
    books = check(home_at(traded))
    assert books.verdict is Verdict.UNBALANCED
    assert any(d.book == book and key in (d.key, None) for d in books.differences)


def test_a_topic_whose_broker_does_not_say_how_far_it_was_heard_may_move(traded: Path) -> None:
    books = check(home_at(traded), lag=lambda: {"order.events": None, "order.commands": 0})
    assert books.verdict is Verdict.MOVING
    assert books.moving == ["order.events: nobody says how many messages are not handled"]


def test_an_order_that_is_there_twice_is_found(traded: Path) -> None:
    columns = [row[1] for row in asked(traded, "order", 'PRAGMA table_info("order$order")')]
    changed = ",".join("'eve'" if c == "customer_id" else f'"{c}"' for c in columns)
    copy = f"SELECT {changed} FROM \"order$order\" WHERE order_id = 'A-0-a'"
    by_hand(traded, "order", f'INSERT INTO "order$order" {copy}')
    assert ("A-0-a", "is there once", 2) in [
        (d.key, d.what, d.found) for d in check(home_at(traded)).differences
    ]


def test_the_command_ends_with_what_it_found(traded: Path) -> None:
    said = CliRunner().invoke(main, ["check", "--data", str(traded)])
    looked = "Looked at 50 orders, their stock, money and parcels.\n"
    assert (said.exit_code, said.output) == (0, f"{looked}The books: balanced.\n")
    by_hand(traded, "payment", WALLET.format("balance = balance + 1"))
    said = CliRunner().invoke(main, ["check", "--data", str(traded)])
    assert said.exit_code == 1
    assert "wallet ann: opening + topped up + refunded = balance + charged: expected" in said.output
    said = CliRunner().invoke(main, ["check", "--json", "--data", str(traded)])
    assert json.loads(said.output)["verdict"] == "unbalanced"


BROKEN = "SET {} = '{{no json' WHERE rowid = (SELECT max(rowid) FROM \"{}\")"


@pytest.mark.parametrize(
    ("domain", "sql", "named"),
    [
        ("payment", f'UPDATE "payment$outbox" {BROKEN.format("payload", "payment$outbox")}',
         "payment.db, payload of payment-"),
        ("order", f'UPDATE "order$order" {BROKEN.format("shipping_address", "order$order")}',
         "order.db, shipping_address of A-"),
        ("shipping", 'DROP TABLE "shipping$shipment"', "shipping.db: no such table"),
        ("inventory", 'DROP TABLE "inventory$parked"', "inventory.db: no such table"),
    ],
)  # fmt: skip
def test_a_store_that_cannot_be_read_is_named_with_its_row(
    traded: Path, domain: str, sql: str, named: str
) -> None:
    by_hand(traded, domain, sql)
    said = CliRunner().invoke(main, ["check", "--data", str(traded)])
    assert (said.exit_code, named in said.output) == (3, True), said.output


def test_a_folder_without_data_says_how_to_start(tmp_path: Path) -> None:
    said = CliRunner().invoke(main, ["check", "--data", str(tmp_path)])
    assert said.exit_code == 3
    assert "odori up" in said.output


def test_what_nobody_has_heard_yet_still_moves(traded: Path) -> None:
    """A system that was killed has announced more than its domains have heard."""
    by_hand(traded, "payment", 'UPDATE "payment$positions" SET sequence = 0'
            " WHERE publisher = 'inventory' AND sequence > 10")  # fmt: skip
    books = check(home_at(traded))
    assert books.verdict is Verdict.MOVING
    assert any("of inventory are not heard" in reason for reason in books.moving)
    said = CliRunner().invoke(main, ["check", "--data", str(traded)])
    assert said.exit_code == 3
    assert "still moving: payment:" in said.output


def test_a_killed_system_is_told_in_a_few_lines_and_with_verbose_in_all(traded: Path) -> None:
    for domain in COMMERCE:
        by_hand(traded, domain, f'UPDATE "{domain}$positions" SET sequence = 0')
    few = CliRunner().invoke(main, ["check", "--data", str(traded)]).output.splitlines()
    assert len(few) < 8
    assert any("nothing runs on" in line and "odori up" in line for line in few)
    assert few[-1] == "The books: moving."
    every = CliRunner().invoke(main, ["check", "--verbose", "--data", str(traded)]).output
    assert every.count("are not heard") == len(check(home_at(traded)).moving) > len(few)


def test_a_dead_delivery_leaves_its_order_unfinished_not_unbalanced(traded: Path) -> None:
    by_hand(traded, "order",
            "UPDATE \"order$order\" SET status = 'PLACED' WHERE order_id = 'A-0-poor'")  # fmt: skip
    by_hand(
        traded,
        "order",
        """DELETE FROM "order$outbox" WHERE type LIKE '%OrderCancelled%'
            AND payload LIKE '%A-0-poor%'""",
    )
    by_hand(
        traded,
        "inventory",
        """INSERT INTO "inventory$parked"(saga, source, id, number, state,
        attempts, replays, type, topic, partition, offset, raw_headers, reason, error, at, tx_id,
        tx_state, tx_version) VALUES ('A-0-poor', 's', 'i', 0, 'dead', 8, 0, 't', 't', 0, 0, '[]',
        'a bug', '', 0, 'x', 3, 1)""",
    )
    books = check(home_at(traded))
    assert (books.verdict, books.differences) == (Verdict.MOVING, [])
    assert books.unfinished == ["A-0-poor"]
    assert books.dead == [("inventory", "A-0-poor", "t", "a bug")]
