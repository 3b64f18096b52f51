"""A backup is one moment of all stores; restored, its orders go on to their ends."""

import asyncio
from pathlib import Path

from click.testing import CliRunner, Result

from streams.backup import MANIFEST
from streams.books.check import Verdict, check
from streams.cli import main
from streams.folder import MEMBER_ID
from streams.home import Files
from tests.books.trading import at_rest, by_hand, open_shop, trade, trading

#: Backups taken while orders are under way.
BACKUPS_COUNT = 4


def odori(data: Path, *args: object) -> Result:
    return CliRunner().invoke(main, [*map(str, args), "--data", str(data)])


async def test_backups_under_load_are_moments_whose_orders_end(tmp_path: Path) -> None:
    data, said = tmp_path / "data", []
    async with trading(data) as system:
        await open_shop(system)
        load = asyncio.create_task(trade(system, count=40))
        for number in range(BACKUPS_COUNT):
            done = await asyncio.to_thread(odori, data, "backup", tmp_path / f"backup-{number}")
            assert done.exit_code == 0, done.output
            said.append(done)
        assert not load.done(), "the backups were made under load"
        await load
        assert (await at_rest(data)).verdict is Verdict.BALANCED
    moving = 0
    for number in range(BACKUPS_COUNT):
        copy = tmp_path / f"restored-{number}"
        assert odori(copy, "restore", tmp_path / f"backup-{number}").exit_code == 0
        before = await asyncio.to_thread(check, Files(copy))
        moving += before.verdict is Verdict.MOVING
        assert before.differences == []
        async with trading(copy) as system:
            await at_rest(copy)
            await trade(system, "again", 2)
            books = await at_rest(copy)
        assert (books.verdict, books.dead) == (Verdict.BALANCED, [])
    assert moving, "none of the backups held an order that was under way"


def test_a_restored_folder_is_what_was_backed_up(traded: Path, tmp_path: Path) -> None:
    (traded / MEMBER_ID).write_text("of this folder alone")
    assert odori(traded, "backup", tmp_path / "backup").exit_code == 0
    again = odori(traded, "backup", tmp_path / "backup")
    assert (again.exit_code, "is not empty" in again.output) == (3, True)
    by_hand(traded, "payment", 'DELETE FROM "payment$wallet"')
    refused = odori(traded, "restore", tmp_path / "backup")
    assert (refused.exit_code, "is not empty" in refused.output) == (3, True)
    assert odori(tmp_path / "new", "restore", tmp_path / "backup").exit_code == 0
    assert check(Files(tmp_path / "new")).verdict is Verdict.BALANCED
    key = tmp_path / "new" / "operator.key"
    assert key.read_text() == (traded / "operator.key").read_text()
    assert key.stat().st_mode & 0o077 == 0
    assert not (tmp_path / "new" / MEMBER_ID).exists(), "it would throw the other off the bus"


def test_a_damaged_or_half_made_backup_is_not_restored(traded: Path, tmp_path: Path) -> None:
    backup, new = tmp_path / "backup", tmp_path / "new"
    assert odori(traded, "backup", backup).exit_code == 0
    with (backup / "order.db").open("r+b") as file:
        file.seek(5_000)
        file.write(b"odori")
    damaged = odori(new, "restore", backup)
    assert (damaged.exit_code, "damaged" in damaged.output) == (3, True)
    (backup / MANIFEST).unlink()
    assert "is no backup" in odori(new, "restore", backup).output
    assert not new.exists()
