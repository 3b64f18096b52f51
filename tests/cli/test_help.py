"""Every command explains itself, and help costs nothing."""

import subprocess
import sys
from importlib import import_module

import click
import pytest
from click.testing import CliRunner

from streams.cli import COMMANDS, main
from streams.terminal import CANNOT
from tests.cli.conftest import odori

#: What only a command that needs it may load.
HEAVY = ("pydantic", "rich", "fastapi", "aiokafka", "sqlite3", "asyncio")


def test_help_lists_every_command_and_the_exit_codes() -> None:
    said = odori("--help").output
    assert all(f"  {name} " in said for name in COMMANDS)
    assert "Exit codes" in said


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_with_an_example(name: str) -> None:
    said = odori(name, "--help").output
    assert "Example" in said
    assert f"odori {name}" in said


@pytest.mark.parametrize("name", COMMANDS)
def test_the_list_says_of_every_command_what_its_module_is(name: str) -> None:
    assert isinstance(import_module(f"streams.commands.{name}").command, click.Command)


def test_help_loads_nothing_heavy() -> None:
    program = (
        "import sys; from streams.cli import main; main(['--help'], standalone_mode=False);"
        f"print([name for name in {HEAVY} if name in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert run.stdout.splitlines()[-1] == "[]", run.stdout + run.stderr


def test_an_unknown_command_is_used_wrongly() -> None:
    assert odori("dance").exit_code == 2


def test_a_bug_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise KeyError("a bug")

    monkeypatch.setattr("streams.topology.discover", broken)
    assert CliRunner().invoke(main, ["flow"]).exit_code == CANNOT
