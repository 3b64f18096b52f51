"""`odori up`: says where to look, and is alone on its data folder."""

import socket
from pathlib import Path

import pytest

from streams.terminal import CANNOT, WRONG, alive
from tests.cli.conftest import odori, up


def test_it_says_where_to_look_and_leaves_its_address_for_others(tmp_path: Path) -> None:
    with up(tmp_path) as said:
        url = alive(tmp_path)
        assert url is not None
        assert f"{url}/docs" in "".join(said)
    assert alive(tmp_path) is None


def test_a_second_one_on_the_same_folder_is_refused_with_one_sentence(shop: Path) -> None:
    second = odori("up", "--port", 0, "--data", shop)
    assert second.exit_code == CANNOT
    assert "in use by another" in second.output
    assert len(second.output.splitlines()) == 1


def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        result = odori("up", "--port", port, "--data", tmp_path)
    assert result.exit_code == CANNOT
    assert f"127.0.0.1:{port}" in result.output


def test_a_setting_that_cannot_be_read_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ODORI_PARTITIONS", "many")
    result = odori("up", "--data", tmp_path)
    assert result.exit_code == WRONG
    assert "ODORI_PARTITIONS" in result.output


def test_commands_that_need_it_say_how_to_start_it(tmp_path: Path) -> None:
    for words in (("watch", "--once"), ("publish", "northwind")):
        result = odori(*words, "--data", tmp_path)
        assert result.exit_code == CANNOT
        assert f"odori up --data {tmp_path}" in result.output
