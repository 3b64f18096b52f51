"""The books over PostgreSQL: what holds of files holds here."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from streams.cli import main
from streams.system import StoreLost
from tests.books.test_at_rest import (
    test_what_nobody_has_heard_yet_still_moves,
    test_what_was_moved_by_hand_is_found_and_named,
    test_what_was_traded_balances,
)
from tests.books.test_under_load import test_under_load_they_never_cry_wolf
from tests.books.trading import by_hand, trading

__all__ = [
    "test_under_load_they_never_cry_wolf",
    "test_what_nobody_has_heard_yet_still_moves",
    "test_what_was_moved_by_hand_is_found_and_named",
    "test_what_was_traded_balances",
]

pytestmark = pytest.mark.service


def odori(data: Path, *words: str) -> Result:
    return CliRunner().invoke(main, [*words, "--data", str(data)])


def test_what_cannot_be_read_is_named_with_its_row(traded: Path) -> None:
    by_hand(traded, "payment", """UPDATE "payment$outbox" SET payload = '{no json'
        WHERE type LIKE '%PaymentCompleted%'""")  # fmt: skip
    said = odori(traded, "check")
    assert said.exit_code == 3
    assert "the schema payment, payload of payment-" in said.output, said.output
    assert "invalid input syntax for type json" in said.output


async def test_a_schema_that_others_have_heard_is_missed_not_made_anew(traded: Path) -> None:
    by_hand(traded, "payment", 'DROP SCHEMA "payment" CASCADE')
    said = odori(traded, "check")
    assert (said.exit_code, "the schema payment is missing" in said.output) == (1, True)
    with pytest.raises(StoreLost, match=r"lacks the schema payment.*pg_dump"):
        async with trading(traded):
            pass


def test_copies_are_left_to_the_database(traded: Path, tmp_path: Path) -> None:
    there = tmp_path / "there"
    for words, tool in (("backup", "pg_dump"), ("restore", "pg_restore")):
        there.mkdir(exist_ok=True)
        said = odori(traded, words, str(there))
        assert (said.exit_code, tool in said.output) == (2, True), said.output
        assert list(there.iterdir()) == []


def test_the_story_of_an_order_is_told(traded: Path) -> None:
    said = odori(traded, "saga", "A-0-sunk")
    assert (said.exit_code, "compensated" in said.output) == (0, True), said.output
    assert odori(traded, "saga", "nobodys").exit_code == 1
