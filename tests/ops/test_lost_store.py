"""A store whose file is gone while others remember it: told, and never replaced by an empty one."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from streams.books.check import Verdict, check
from streams.books.lost import lost
from streams.cli import main
from streams.home import Files
from tests.books.trading import asked, at_rest, by_hand, open_shop, send, trading
from tests.books.trading import order as an_order
from tests.trade import COMMERCE


def odori(data: Path, *args: object) -> Result:
    return CliRunner().invoke(main, [*map(str, args), "--data", str(data)])


def lose(data: Path, domain: str) -> None:
    """Delete the file of a store that was closed, so that it lies in one piece."""
    (data / f"{domain}.db").unlink()


@pytest.mark.parametrize("domain", COMMERCE)
def test_the_books_do_not_balance_without_a_store_that_others_know(
    traded: Path, domain: str
) -> None:
    lose(traded, domain)
    said = odori(traded, "check")
    assert said.exit_code == 1
    assert f"{domain}.db is missing" in said.output
    assert said.output.splitlines()[-1] == "The books: unbalanced."


@pytest.mark.parametrize("domain", COMMERCE)
def test_where_a_broker_keeps_the_positions_the_ledgers_know(traded: Path, domain: str) -> None:
    for name in COMMERCE:
        by_hand(traded, name, f'DELETE FROM "{name}$positions"')
    assert lost(Files(traded), COMMERCE) == []
    lose(traded, domain)
    assert lost(Files(traded), COMMERCE) == [domain]


def test_a_file_that_was_emptied_is_as_good_as_gone(traded: Path) -> None:
    (traded / "payment.db").write_bytes(b"")
    assert check(Files(traded)).verdict is Verdict.UNBALANCED


@pytest.mark.parametrize(
    "command", [("backup", "there"), ("up", "--port", 0), ("prune", "--older-than", "1d")]
)
def test_nothing_is_done_with_what_is_left(
    traded: Path, tmp_path: Path, command: tuple[object, ...]
) -> None:
    lose(traded, "payment")
    before = asked(traded, "order", 'SELECT count(*), max(next) FROM "order$lanes"')
    args = [tmp_path / arg if arg == "there" else arg for arg in command]
    said = odori(traded, *args)
    assert (said.exit_code, "lacks payment.db" in said.output) == (3, True)
    assert not (traded / "payment.db").exists()
    assert not (tmp_path / "there").exists()
    assert asked(traded, "order", 'SELECT count(*), max(next) FROM "order$lanes"') == before


async def test_a_store_that_nobody_has_heard_is_new(tmp_path: Path) -> None:
    async with trading(tmp_path):
        pass
    lose(tmp_path, "payment")
    async with trading(tmp_path) as system:
        await open_shop(system)
        await send(system, an_order("O-1"))
        assert (await at_rest(tmp_path)).verdict is Verdict.BALANCED


def test_what_publishing_left_for_the_next_start_lacks_nothing(tmp_path: Path) -> None:
    line = an_order("O-1").payload().decode()
    left = CliRunner().invoke(
        main, ["publish", "-", "--via", "bus", "--data", str(tmp_path)], input=line
    )
    assert left.exit_code == 0
    assert [path.name for path in tmp_path.glob("*.db")] == ["order.db"]
    assert lost(Files(tmp_path), COMMERCE) == []
    assert odori(tmp_path, "backup", tmp_path / "there").exit_code == 0
