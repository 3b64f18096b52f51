"""The command line as its users have it: in this process, and a real `odori up` in another."""

import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import structlog
from click.testing import CliRunner, Result

from streams.cli import main

#: What `odori up` may take to begin, or to end, on a busy machine.
PATIENCE_S = 30


def odori(*args: object, stdin: str | bytes | None = None) -> Result:
    """Run a command here; a bug in it is raised. Its log goes where its errors went: nowhere."""
    handlers = logging.getLogger().handlers[:]
    result = CliRunner().invoke(main, [str(arg) for arg in args], input=stdin)
    structlog.reset_defaults()
    logging.getLogger().handlers[:] = handlers
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def told(*args: object, stdin: str | None = None) -> Any:
    """What a command says with --json; it must have gone well."""
    result = odori(*args, "--json", stdin=stdin)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


@contextmanager
def up(data: Path, *args: str, root: Path | None = None) -> Iterator[list[str]]:
    """A running Odori, once it has said so; the lines that it said."""
    command = [sys.executable, "-m", "streams.cli", "up", "--port", "0", "--data", str(data), *args]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=root)
    assert process.stdout is not None
    try:
        said = [process.stdout.readline() for _ in range(4)]
        assert said[0].startswith("Odori is up"), said
        yield said
    finally:
        process.terminate()
        process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The data folder of a running Odori in which Northwind's forty first orders were played."""
    data = tmp_path_factory.mktemp("shop") / "data"
    with up(data):
        told("publish", "northwind", *SMALL, "--data", data)
        yield data


#: Forty orders of Northwind with every outcome among them.
SMALL = ("--count", "40", "--stock-factor", "3", "--wallet-factor", "0.35", "--refuse", "Belgium")
