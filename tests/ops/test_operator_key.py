"""The data folder's secret: made once, whoever asks first, and whatever died while making it."""

import asyncio
from pathlib import Path

from streams.folder import operator_key


def test_a_key_is_made_once_and_is_its_owners_alone(tmp_path: Path) -> None:
    key = operator_key(tmp_path)
    assert len(key) == 64
    assert operator_key(tmp_path) == key
    assert (tmp_path / "operator.key").stat().st_mode & 0o077 == 0


def test_a_key_that_a_killed_process_left_empty_is_made_again(tmp_path: Path) -> None:
    (tmp_path / "operator.key").touch(0o600)
    key = operator_key(tmp_path)
    assert len(key) == 64
    assert (tmp_path / "operator.key").read_text() == key == operator_key(tmp_path)


async def test_many_that_ask_at_once_are_given_one_key(tmp_path: Path) -> None:
    (tmp_path / "operator.key").touch(0o600)
    asked = (asyncio.to_thread(operator_key, tmp_path) for _ in range(8))
    assert len(set(await asyncio.gather(*asked))) == 1
