"""Where PostgreSQL cannot be connected to: it says to where, and whether asking again helps."""

from typing import Any

import asyncpg
import pytest

from infra.engine.errors import ConfigError, EngineError, Unavailable
from infra.engine.postgres import PostgresEngine, PostgresStorage
from infra.engine.postgres.lock import ProcessLock
from infra.engine.postgres.several import open_several
from infra.engine.postgres.trouble import unconnected
from tests.conformance.engine.bindings import postgres
from tests.conformance.engine.cases import APPLE, Use, read, stored
from tests.services.process import free_ports


async def told(url: str) -> list[EngineError]:
    """What each of the three ways to connect says, one without another."""
    storage, found = PostgresStorage(url), []
    with pytest.raises(EngineError) as error:
        await read(PostgresEngine(url), APPLE)
    found.append(error.value)
    with pytest.raises(EngineError) as error:
        await ProcessLock(storage).take(alone=True)
    found.append(error.value)
    with pytest.raises(EngineError) as error, open_several(storage.pool.connect):
        raise AssertionError("it is connected")
    return [*found, error.value]


@pytest.mark.needs("postgres")
@pytest.mark.parametrize(
    ("user", "database", "kind"),
    [
        ("odori", "no_such_shop", ConfigError),
        ("nobody_such", "postgres", ConfigError),
        ("odori", "shop", Unavailable),  # nobody listens
    ],
)
async def test_a_connection_that_is_refused_names_host_and_database_and_no_password(
    binding: Any, user: str, database: str, kind: type[EngineError]
) -> None:
    address = f"127.0.0.1:{free_ports(1)[0]}" if kind is Unavailable else binding.address
    for error in await told(f"postgresql://{user}:s3cret@{address}/{database}"):
        assert type(error) is kind
        assert f"PostgreSQL at {address}, database {database}: " in str(error)
        assert "s3cret" not in str(error)


@pytest.mark.needs("postgres")
async def test_a_database_that_goes_later_is_unavailable_since_it_may_come_back(
    use: Use, binding: Any
) -> None:
    async with use() as engine:
        await stored(engine, (*APPLE, 1, None))
        admin = await asyncpg.connect(postgres().url)
        await admin.execute(f"DROP DATABASE {binding.name} WITH (FORCE)")
        await admin.close()
        with pytest.raises(Unavailable):  # the old connection is gone
            await read(engine, APPLE)
        with pytest.raises(Unavailable, match=f"{binding.address}, database {binding.name}"):
            await read(engine, APPLE)


@pytest.mark.parametrize(
    ("connect", "place"),
    [
        ({"dsn": "postgresql://ann:pw@h1:1,h2/shop?ssl=true"}, " at h1:1,h2, database shop"),
        ({"dsn": "postgresql:///shop?host=/run/pg&password=pw"}, " at /run/pg, database shop"),
        ({"dsn": "postgresql://ann:pw/x@h/shop"}, ""),
        ({"dsn": "postgresql://ann:pw?x@h/shop"}, ""),
        ({"dsn": "postgresql://ann:pw#x@h/shop"}, ""),
        (
            {"dsn": None, "host": ["h"], "port": [1], "database": "shop", "password": "pw"},
            " at h:1, database shop",
        ),
    ],
)
def test_a_place_is_told_without_its_password(connect: dict[str, Any], place: str) -> None:
    assert str(unconnected(OSError("gone"), connect)) == f"PostgreSQL{place}: OSError: gone"
