"""Over TLS and with passwords, to real servers: orders dance, and who is refused is told why."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from time import monotonic
from urllib.parse import quote

import pytest

from tests.e2e.process import run, up
from tests.e2e.shop import order, post, stock_up
from tests.postgres.test_start_faults import refused
from tests.services import kafka as kafka_server
from tests.services import need
from tests.services import postgres as postgres_server
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
        assert PASSWORD not in text
        assert quote(PASSWORD, safe="") not in text


async def test_a_kafka_that_refuses_is_told_with_its_reason(
    tmp_path: Path, broker: SecuredKafka
) -> None:
    other, _, _ = certify(tmp_path)
    for settings, why in (
        (to_kafka(broker, "wr0ng"), "invalid credentials"),
        (to_kafka(broker, ca=other), "certificate verify failed"),
        (to_kafka(broker) | {"ODORI_KAFKA_SSL_CAFILE": "/no/such.pem"}, "/no/such.pem"),
        (to_kafka(broker) | {"ODORI_KAFKA_SECURITY_PROTOCOL": "PLAINTEXT"}, "ssl_cafile"),
    ):
        began = monotonic()
        code, told = await refused(tmp_path / "nowhere", **settings)
        assert code, told
        assert monotonic() - began < TOLD_WITHIN_S
        assert why in told, told
        assert "ODORI_KAFKA" in told or "ssl_cafile" in told
        assert PASSWORD not in told
        assert "wr0ng" not in told


async def test_a_postgresql_that_refuses_is_told_with_its_reason(
    tmp_path: Path, server: SecuredPostgres
) -> None:
    other, _, _ = certify(tmp_path)
    plain = store(server).partition("?")[0] + "?sslmode=disable"
    for url, why in (
        (store(server, "wr0ng"), "password authentication failed"),
        (store(server, ca=other), "certificate verify failed"),
        (store(server, ca=Path("/no/such.pem")), "/no/such.pem"),
        (plain, "no encryption"),
    ):
        began = monotonic()
        code, told = await refused(tmp_path / "nowhere", ODORI_STORE=url)
        assert code, told
        assert monotonic() - began < TOLD_WITHIN_S
        assert why in told, told
        assert why.startswith("/") or server.address in told, told
        assert PASSWORD not in told
        assert "wr0ng" not in told
