"""What README.md shows of a run is what a run shows."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import odori, up
from tests.docs.readme import output
from tests.trade import COMMERCE

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
    assert done(told[2:-1]) == done(shown[2:-1])


def test_the_books_balance_as_shown(played: tuple[Path, str]) -> None:
    assert run(CHECK, played[0]).strip() == output(CHECK).strip()


def words(said: str) -> list[str]:
    """The first column, without figures and without what other domains took back."""
    found = [re.split(r"\s{2,}", line.strip())[0] for line in said.splitlines()]
    return [word for word in found if "." not in word or word.startswith(COMMERCE)]


def done(lines: list[str]) -> set[str]:
    """The lines of a story that tell of commerce, without their times."""
    did = {" ".join(line.split()[2:]) for line in lines}
    return {line for line in did if line.split()[0] in COMMERCE}
