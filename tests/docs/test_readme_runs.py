"""What README.md shows of a run is what a run shows."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import odori, up
from tests.docs.readme import output

PLAY = ".venv/bin/odori publish northwind"
STORY = ".venv/bin/odori saga NW-10298"
CHECK = ".venv/bin/odori check --wait 10"


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """The data folder of a running Odori, and what playing the year said."""
    data = tmp_path_factory.mktemp("played") / "data"
    with up(data):
        yield data, run(PLAY, data)


def run(command: str, data: Path) -> str:
    result = odori(*command.split()[1:], "--data", data)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_the_year_is_summed_up_in_these_words(played: tuple[Path, str]) -> None:
    assert words(played[1]) == words(output(PLAY))


def test_the_story_that_is_told_is_the_one_that_happens(played: tuple[Path, str]) -> None:
    told, shown = run(STORY, played[0]).splitlines(), output(STORY).splitlines()
    assert told[0] == shown[0]
    assert told[-1] == shown[-1]
    assert {did(line) for line in told[1:-1]} == {did(line) for line in shown[1:-1]}


def test_the_books_balance_as_shown(played: tuple[Path, str]) -> None:
    assert run(CHECK, played[0]).strip() == output(CHECK).strip()


def words(said: str) -> list[str]:
    """The first column, without figures."""
    return [re.split(r"\s{2,}", line.strip())[0] for line in said.splitlines()]


def did(line: str) -> str:
    """A line of a story without its times."""
    return " ".join(line.split()[2:])
