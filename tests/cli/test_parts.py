"""`odori work`, `intake` and `dashboard`: what they need, said in a sentence."""

from pathlib import Path

import pytest

from streams.folder import AlreadyRunning, hold_own
from streams.terminal import WRONG
from tests.cli.conftest import odori

PARTS = (("work", "order"), ("intake",), ("dashboard",))


@pytest.mark.parametrize("words", PARTS, ids=" ".join)
def test_a_part_alone_is_told_what_it_would_share(words: tuple[str, ...], tmp_path: Path) -> None:
    result = odori(*words, "--port", 0, "--data", tmp_path)
    assert result.exit_code == WRONG
    assert "set ODORI_KAFKA and ODORI_STORE" in result.output
    assert "up runs everything in one process" in result.output


def test_a_domain_that_is_none_is_told_with_those_there_are(tmp_path: Path) -> None:
    result = odori("work", "oder", "--data", tmp_path)
    assert result.exit_code == WRONG
    assert "no domain is called oder; there are" in result.output
    assert odori("work", "--data", tmp_path).exit_code == WRONG


def test_each_process_has_a_folder_of_its_own_and_the_next_one_takes_it_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, lock = hold_own(tmp_path, "intake")
    second, other = hold_own(tmp_path, "intake")
    assert (first.name, second.name) == ("intake-1", "intake-2")
    monkeypatch.setattr("streams.folder.PROCESSES_MAX_COUNT", 2)
    with pytest.raises(AlreadyRunning, match="2 processes"):
        hold_own(tmp_path, "intake")
    lock.close()
    again, lock = hold_own(tmp_path, "intake")
    assert again == first
    lock.close()
    other.close()
