"""`odori up`: says where to look, and is alone on its data folder."""

import socket
from pathlib import Path

import pytest

from streams.folder import hold, running
from streams.terminal import CANNOT, WRONG, alive
from tests.cli.conftest import odori, up

#: What fills the shop, and what needs a full one.
WORDS = ("publish northwind", "/docs")


def test_it_says_where_to_look_and_leaves_its_address_for_others(tmp_path: Path) -> None:
    with up(tmp_path) as said:
        url = alive(tmp_path)
        assert url is not None
        assert f"{url}/docs" in "".join(said)
        orders, tester = (next(n for n, line in enumerate(said) if w in line) for w in WORDS)
        assert orders < tester, "the tester has nothing to order before there are goods"
    assert alive(tmp_path) is None


def test_a_second_one_on_the_same_folder_is_refused_with_one_sentence(shop: Path) -> None:
    second = odori("up", "--port", 0, "--data", shop)
    assert second.exit_code == CANNOT
    assert "in use by another" in second.output
    assert len(second.output.splitlines()) == 1


def test_it_is_the_folder_that_is_named_where_the_port_is_taken_by_the_same_odori(
    shop: Path,
) -> None:
    port = running(shop)["url"].rpartition(":")[2]
    second = odori("up", "--port", port, "--data", shop)
    assert second.exit_code == CANNOT
    assert "in use by another `odori up`" in second.output


def test_a_folder_that_last_ran_over_kafka_says_so_where_kafka_is_not_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "up.json").write_text('{"url": "", "pid": 999999999, "kafka": "broker:9092"}')
    with socket.socket() as other:  # so that nothing begins
        other.bind(("127.0.0.1", 0))
        other.listen()
        words = ("up", "--port", other.getsockname()[1], "--data", tmp_path)
        warned = odori(*words).stderr.splitlines()
        monkeypatch.setenv("ODORI_KAFKA", "broker:9092")
        content = odori(*words).stderr.splitlines()
    assert warned[0].startswith(f"Warning: {tmp_path} last ran over Kafka at broker:9092")
    assert warned[0].endswith("start it with ODORI_KAFKA=broker:9092")
    assert content == warned[1:]


def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        result = odori("up", "--port", port, "--data", tmp_path)
    assert result.exit_code == CANNOT
    assert f"127.0.0.1:{port}" in result.output
    assert result.output.rstrip().endswith("; name another with --port")
    hold(tmp_path).close()  # the folder is free again


def test_an_address_that_is_not_ours_is_named(tmp_path: Path) -> None:
    result = odori("up", "--port", 0, "--host", "192.0.2.1", "--data", tmp_path)
    assert result.exit_code == CANNOT
    assert result.output.rstrip().endswith("; name another with --host")


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
