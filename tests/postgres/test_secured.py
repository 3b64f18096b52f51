"""Over TLS and with passwords, to real servers: orders dance, and who is refused is told why."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from time import monotonic
from urllib.parse import quote

import pytest

from tests.e2e.process import run, up
from tests.e2e.shop import order, post, stock_up
from tests.postgres.test_parts import parts
from tests.postgres.test_start_faults import refused
from tests.services import kafka as kafka_server
from tests.services import need
from tests.services import postgres as postgres_server
from tests.services.process import family
from tests.services.secured import (
    NAME,
    PASSWORD,
    SecuredKafka,
    SecuredPostgres,
    certify,
    secured_kafka,
    secured_postgres,
)
from tests.stores import on_postgres

ORDERS_COUNT = 20
PARTS_ORDERS_COUNT = 5
#: As they are, and as they stand in a URL.
SECRETS = (PASSWORD, quote(PASSWORD, safe=""))
CONFIRMED = """SELECT count(*) FROM "order"."order" WHERE status = 'CONFIRMED'"""
CONNECTIONS = f"""SELECT DISTINCT version FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
    WHERE usename = '{NAME}'"""
#: What a start has to tell what it cannot do.
TOLD_WITHIN_S = 10

pytestmark = pytest.mark.service


@pytest.fixture(scope="module")
def broker() -> Iterator[SecuredKafka]:
    need(kafka_server.lacking())
    with secured_kafka() as server:
        yield server


@pytest.fixture(scope="module")
def server() -> Iterator[SecuredPostgres]:
    need(postgres_server.lacking())
    with secured_postgres() as server:
        on_postgres(server.url, f"CREATE ROLE {NAME} LOGIN PASSWORD '{PASSWORD}'")
        on_postgres(server.url, f"CREATE DATABASE shop OWNER {NAME}")
        yield server


@pytest.fixture
def tmp_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that remembers no store."""
    return tmp_path_factory.mktemp("secured")


def to_kafka(
    broker: SecuredKafka, password: str = PASSWORD, ca: Path | None = None
) -> dict[str, str]:
    return {
        "ODORI_KAFKA": broker.secured,
        "ODORI_KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
        "ODORI_KAFKA_SASL_MECHANISM": "SCRAM-SHA-512",
        "ODORI_KAFKA_SASL_PLAIN_USERNAME": NAME,
        "ODORI_KAFKA_SASL_PLAIN_PASSWORD": password,
        "ODORI_KAFKA_SSL_CAFILE": str(ca or broker.authority),
    }


def store(server: SecuredPostgres, password: str = PASSWORD, ca: Path | None = None) -> str:
    trusting = f"sslmode=verify-full&sslrootcert={quote(str(ca or server.authority))}"
    return f"postgresql://{NAME}:{quote(password, safe='')}@{server.address}/shop?{trusting}"


async def test_orders_dance_over_tls_and_no_password_is_seen(
    tmp_path: Path,
    broker: SecuredKafka,
    server: SecuredPostgres,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in {**to_kafka(broker), "ODORI_STORE": store(server)}.items():
        monkeypatch.setenv(name, value)
    data, shop = tmp_path / "data", server.url.replace("/postgres", "/shop")
    async with up(data, kafka=broker.secured) as odori:
        await stock_up(odori)
        for number in range(ORDERS_COUNT):
            await post(odori, "/api/orders", order(f"T-{number}"), {})
        await odori.when(lambda: on_postgres(shop, CONFIRMED) == [(ORDERS_COUNT,)])
        assert on_postgres(shop, CONNECTIONS) == [("TLSv1.3",)]
        code, said, errors = await run("check", "--services", "--data", data)
        assert code == 0, said + errors
        page = (await odori.client.get("/", headers={"accept": "application/json"})).text
        title = await asyncio.to_thread(Path(f"/proc/{odori.process.pid}/cmdline").read_text)
        await odori.stop()
    kept = [file.read_bytes() for file in data.rglob("*") if file.is_file()]
    for text in (said, errors, page, title, *map(str, odori.log), *odori.noise, *map(str, kept)):
        assert [secret for secret in SECRETS if secret in text] == []


async def test_parts_of_one_odori_dance_over_tls_and_no_password_is_in_their_titles_or_logs(
    tmp_path: Path,
    broker: SecuredKafka,
    server: SecuredPostgres,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in {**to_kafka(broker), "ODORI_STORE": store(server)}.items():
        monkeypatch.setenv(name, value)
    shop, ended = server.url.replace("/postgres", "/shop"), f"{CONFIRMED} AND order_id LIKE 'W-%'"
    commands = ("work order payment", "work inventory shipping", "intake")
    async with parts(tmp_path, broker.secured, *commands) as (*workers, intake):
        await stock_up(intake)
        for number in range(PARTS_ORDERS_COUNT):
            await post(intake, "/api/orders", order(f"W-{number}"), {})
        await intake.when(lambda: on_postgres(shop, ended) == [(PARTS_ORDERS_COUNT,)])
        for part in (*workers, intake):
            seen = f"{titles(part.process.pid)}{part.log}{part.noise}"
            assert "work" in seen or "intake" in seen
            assert [secret for secret in SECRETS if secret in seen] == []


def titles(pid: int) -> list[str]:
    """What `ps` shows of a process and of those it started."""
    processes = [Path(f"/proc/{one}") for one in family(pid)]
    return [(one / name).read_text() for one in processes for name in ("cmdline", "comm")]


async def test_a_kafka_that_refuses_is_told_with_its_reason(
    tmp_path: Path, broker: SecuredKafka
) -> None:
    other, _, _ = certify(tmp_path)
    for settings, why in (
        (to_kafka(broker, "wr0ng"), "invalid credentials"),
        (to_kafka(broker, ca=other), "certificate verify failed"),
        (to_kafka(broker) | {"ODORI_KAFKA_SSL_CAFILE": "/no/such.pem"}, "/no/such.pem"),
        (to_kafka(broker) | {"ODORI_KAFKA_SECURITY_PROTOCOL": "PLAINTEXT"}, "sasl_mechanism"),
        (to_kafka(broker) | {"ODORI_KAFKA_SECURITY_PROTOCOL": "SSL"}, "nobody would log in"),
    ):
        began = monotonic()
        code, told = await refused(tmp_path / "nowhere", **settings)
        assert code, told
        assert monotonic() - began < TOLD_WITHIN_S
        assert why in told, told
        assert "ODORI_KAFKA" in told or "ssl_cafile" in told or "sasl_mechanism" in told
        assert PASSWORD not in told
        assert "wr0ng" not in told


async def test_a_postgresql_that_refuses_is_told_with_its_reason(
    tmp_path: Path, server: SecuredPostgres
) -> None:
    other, _, _ = certify(tmp_path)
    address = store(server).partition("?")[0]
    for url, why, mend in (
        (store(server, "wr0ng"), "password authentication failed", "mend user, password"),
        (store(server, ca=other), "certificate verify failed", "its authority's file in sslroot"),
        (store(server, ca=Path("/no/such.pem")), "/no/such.pem", "sslrootcert="),
        (f"{address}?sslmode=disable", "no encryption", "or sslmode"),
        (f"{address}?sslmode=verify-full", "root.crt", "its authority's file in sslrootcert"),
    ):
        began = monotonic()
        code, told = await refused(tmp_path / "nowhere", ODORI_STORE=url)
        assert code, told
        assert monotonic() - began < TOLD_WITHIN_S
        assert why in told, told
        assert mend in told, told
        assert why.startswith("/") or server.address in told, told
        assert PASSWORD not in told
        assert "wr0ng" not in told
