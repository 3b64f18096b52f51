"""The commands in docs/operations.md are run as they stand there, from top to bottom."""

import asyncio
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from domains.order import steps
from streams.connectors.local_provider import LocalProvider
from streams.connectors.provider import ProviderDown, ProviderError, ProviderTimeout, Request
from tests.books.trading import Ear, asked, at_rest, open_shop, order, send, trade, trading
from tests.connectors.till import rules

PAGE = Path(__file__).parents[2] / "docs" / "operations.md"
#: What a command may take on a busy machine.
COMMAND_LIMIT_S = 60
BLOCK = re.compile(r"```sh\n(.*?)```", re.DOTALL)
INLINE = re.compile(r"`(odori backup [^`]+)`")


def commands() -> list[str]:
    """Every command of the page, in its order."""
    text = PAGE.read_text()
    found = [(m.start(), line) for m in BLOCK.finditer(text) for line in m[1].splitlines()]
    found += [(m.start(), m[1]) for m in INLINE.finditer(text)]
    return [line for _, line in sorted(found, key=lambda item: item[0])]


async def prepare(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A shop that traded, and an order that a bug has stopped."""
    async with trading(data) as system:
        await open_shop(system)
        await trade(system, count=2)
        await at_rest(data)
        ear = Ear(system)

        def bug(event: object, tx: object) -> None:
            raise AssertionError("a bug in confirm")

        with monkeypatch.context() as patched:
            patched.setattr(steps.domain.steps["confirm"], "function", bug)
            await send(system, order("O-1"))
            await ear.until("DeadLetter")


async def put_right(data: Path) -> None:
    """What was put back is tried when Odori starts."""
    async with trading(data):
        await at_rest(data)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    asyncio.run(prepare(tmp_path / ".odori", monkeypatch))
    return tmp_path


def run(line: str, folder: Path, id_: str) -> int:
    """The exit code of one command line; `odori up` runs until it has said where to look."""
    words = [word.replace("$ID", id_) for word in shlex.split(line)]
    assert words[0] == "odori"
    command = [sys.executable, "-m", "streams.cli", *words[1:]]
    environ = os.environ | {"PYTHONPATH": str(PAGE.parents[1])}
    if words[1] != "up":
        done = subprocess.run(
            command, cwd=folder, env=environ, capture_output=True, text=True,
            timeout=COMMAND_LIMIT_S,
        )  # fmt: skip
        assert done.returncode in (0, 1, 3), done.stderr
        return done.returncode
    process = subprocess.Popen(
        [*command, "--port", "0"], cwd=folder, env=environ, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert "Odori is up" in process.stdout.readline()
    process.terminate()
    process.communicate(timeout=COMMAND_LIMIT_S)
    return process.returncode


#: Where another answer than 0 is right: an order is unfinished; nothing more is dead.
ANSWERS = {
    "odori check --wait 30": {3},
    'odori parked put-back --all --type StockReserved --reason "a bug" --dry-run': {1},
    'odori parked put-back --all --type StockReserved --reason "a bug" --rate 10 --note'
    ' "the bug is mended"': {1},
}


def test_every_command_of_the_page_does_what_it_says(folder: Path) -> None:
    [[id_]] = asked(folder / ".odori", "order", 'SELECT id FROM "order$parked"')
    lines = commands()
    assert len(lines) >= 14
    answers = {}
    for line in lines:
        if line == lines[-1]:
            asyncio.run(put_right(folder / ".odori"))
        answers[line] = run(line, folder, f"order:{id_}")
    assert {
        line: code for line, code in answers.items() if code not in ANSWERS.get(line, {0})
    } == {}


async def test_the_restored_folder_goes_on(folder: Path) -> None:
    for line in ("odori backup backups/monday", "odori restore backups/monday --data restored"):
        assert await asyncio.to_thread(run, line, folder, "") == 0
    async with trading(folder / "restored") as system:
        await send(system, order("O-2"))
        ear = Ear(system)
        await ear.until("StockCommitted")


async def test_the_rules_of_a_provider_that_misbehaves_do_what_the_page_says(
    tmp_path: Path,
) -> None:
    [example] = re.findall(r"```text\n(# how.*?)```", PAGE.read_text(), re.DOTALL)
    rules(tmp_path, *example.splitlines())
    provider = LocalProvider(tmp_path)

    async def told(customer: str, order: str, amount: int = 2_100) -> object:
        request = Request(f"{order}/1", order, customer, amount, "USD")
        try:
            return (await provider.charge(request)).approved
        except ProviderError as error:
            return type(error)

    with capture_logs() as ignored:
        assert await told("eve", "O-1") is True
        assert await told("eve", "O-2", 1_300) is False
        assert await told("ann", "O-3") is True
        assert await told("eve", "O-7") is ProviderTimeout
        assert await told("bob", "O-8") is ProviderDown
    assert ignored == []
    await provider.close()


def test_copies_of_the_data_are_kept_out_of_the_repository() -> None:
    ignored = set((PAGE.parents[1] / ".gitignore").read_text().splitlines())
    copies = [line for line in commands() if line.startswith(("odori backup", "odori restore"))]
    folders = {shlex.split(line)[2 if " backup " in line else -1] for line in copies}
    assert {f"/{folder.split('/')[0]}/" for folder in folders} <= ignored, folders


def test_every_command_on_the_page_is_one_of_ours() -> None:
    from streams.cli import COMMANDS

    named = {shlex.split(line)[1] for line in commands()}
    assert named <= COMMANDS.keys()
    assert {"check", "saga", "parked", "backup", "restore", "prune", "up"} <= named
