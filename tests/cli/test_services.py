"""`odori check --services`: what is reachable, what is missing, and how to mend it."""

from pathlib import Path

import pytest

from streams.terminal import NO
from tests.cli.conftest import odori
from tests.services import kafka, need
from tests.services.postgres import lacking, running
from tests.stores import on_postgres

NOBODY = "127.0.0.1:1"


def looked(data: Path) -> tuple[int, list[str]]:
    result = odori("check", "--services", "--data", data)
    return result.exit_code, result.output.splitlines()


def test_files_need_nothing_but_a_start(shop: Path, tmp_path: Path) -> None:
    code, lines = looked(shop)
    assert (code, len(lines)) == (0, 1)
    assert "version 3." in lines[0]
    code, lines = looked(tmp_path)
    assert code == NO
    assert lines[1].endswith("a start makes what is missing, and so does: odori schema apply")
    assert len(lines) == 2


def test_nobody_at_an_address_is_told_without_the_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ODORI_STORE", f"postgresql://me:s3cret@{NOBODY}/shop")
    monkeypatch.setenv("ODORI_KAFKA", NOBODY)
    monkeypatch.setattr("infra.bus.kafka.connection.LOOK_LIMIT_SECONDS", 0)
    code, (store, bus) = looked(tmp_path)
    assert code == NO
    assert "mend the address, user or password in ODORI_STORE" in store
    assert f"no Kafka answers at {NOBODY}" in bus
    assert "s3cret" not in store + bus


@pytest.mark.parametrize(
    ("name", "text", "said", "mend"),
    [
        ("SASL_MECHANISM", "PLAIN", "sasl_mechanism means nothing", "mend what ODORI_KAFKA_"),
        ("REQUEST_TIMEOUT_MS", "9", "no Kafka answers", "start it, or mend the address"),
    ],
)
def test_a_kafka_that_cannot_be_asked_is_something_to_mend_where_all_else_is_well(
    shop: Path, monkeypatch: pytest.MonkeyPatch, name: str, text: str, said: str, mend: str
) -> None:
    monkeypatch.setenv("ODORI_KAFKA", NOBODY)
    monkeypatch.setenv(f"ODORI_KAFKA_{name}", text)
    monkeypatch.setattr("infra.bus.kafka.connection.LOOK_LIMIT_SECONDS", 0)
    code, lines = looked(shop)
    assert (code, len(lines)) == (NO, 2)
    assert said in lines[1]
    assert mend in lines[1]


@pytest.mark.service
def test_a_role_that_may_not_make_schemas_is_told_what_to_grant(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    need(lacking())
    with running(fsync=False) as server:
        on_postgres(server.url, "CREATE ROLE guest LOGIN")
        guest = server.url.replace("odori@", "guest@")
        monkeypatch.setenv("ODORI_STORE", guest)
        code, lines = looked(tmp_path)
        assert code == NO
        assert any("GRANT CREATE ON DATABASE" in line for line in lines)
        monkeypatch.setenv("ODORI_STORE", server.url)
        assert odori("schema", "apply", "--data", tmp_path).exit_code == 0
        assert looked(tmp_path)[0] == 0
        monkeypatch.setenv("ODORI_STORE", guest)
        assert any("may not use inventory, order" in line for line in looked(tmp_path)[1])


@pytest.mark.service
def test_a_log_that_debezium_could_not_read_is_told_where_the_outboxes_are_left_to_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    need(lacking())
    with running(fsync=False) as server:
        monkeypatch.setenv("ODORI_STORE", server.url)
        assert odori("schema", "apply", "--data", tmp_path).exit_code == 0
        assert looked(tmp_path)[0] == 0
        monkeypatch.setenv("ODORI_RELAY", "off")
        code, lines = looked(tmp_path)
        assert (code, len(lines)) == (NO, 2)
        assert "wal_level is replica, and with ODORI_RELAY=off" in lines[1]
        on_postgres(server.url, "ALTER SYSTEM SET wal_level = logical")
        server.stop()
        server.start()
        assert looked(tmp_path) == (0, lines[:1])


@pytest.mark.service
def test_a_broker_tells_what_it_lacks_and_what_it_would_refuse(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    need(kafka.lacking())
    with kafka.running() as server:  # of its own: nobody has made topics there
        monkeypatch.setenv("ODORI_KAFKA", server.address)
        code, lines = looked(tmp_path)
        assert (code, lines[-2]) == (NO, f"Kafka at {server.address}: 1 broker")
        assert "lacks inventory.commands" in lines[-1]
        monkeypatch.setenv("ODORI_REPLICATION", "3")
        code, lines = looked(tmp_path)
        assert "ODORI_REPLICATION=3 needs as many brokers" in lines[-2]
        assert "would not create inventory.commands" in lines[-1]
