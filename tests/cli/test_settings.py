"""The other commands are on the bus of the Odori that runs, unless told otherwise."""

from pathlib import Path

import pytest

from streams.system import announce_running
from streams.terminal import settings


def test_a_command_takes_the_bus_of_the_running_odori(tmp_path: Path) -> None:
    announce_running(tmp_path, "http://127.0.0.1:1", "127.0.0.1:9092")
    assert settings(data=tmp_path).kafka == "127.0.0.1:9092"


def test_the_environment_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    announce_running(tmp_path, "http://127.0.0.1:1", "127.0.0.1:9092")
    monkeypatch.setenv("ODORI_KAFKA", "elsewhere:9092")
    assert settings(data=tmp_path).kafka == "elsewhere:9092"


def test_what_a_dead_odori_wrote_does_not_count(tmp_path: Path) -> None:
    (tmp_path / "up.json").write_text('{"url": "http://x", "pid": 999999999, "kafka": "gone:1"}')
    assert settings(data=tmp_path).kafka == ""
