"""The database goes and comes back; older rows are upgraded in it; settings in vain are told."""

import asyncio
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from infra.engine.errors import Unavailable
from infra.settings import Settings
from streams.books.check import Verdict
from streams.home import home_of
from streams.inbox import StoreTrouble
from streams.intake.health import readiness
from tests.books.trading import (
    CUSTOMERS,
    PATIENCE_S,
    asked,
    at_rest,
    by_hand,
    open_shop,
    order,
    send,
    send_all,
    trading,
)
from tests.e2e.process import up
from tests.ops.test_upgrade import WITHOUT_END
from tests.services.best import best
from tests.stores import on_postgres, remember, store_of

pytestmark = pytest.mark.service

END_OTHERS = """SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()"""


@pytest.mark.parametrize("paid_by", ["wallet", "card"])
async def test_a_server_that_dies_and_comes_back_costs_no_order(
    paid_by: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    data = tmp_path_factory.mktemp("data")
    with best("postgres") as server:
        remember(data, server.url)
        async with trading(data) as system:
            await open_shop(system)
            taken = [order(f"T-{n}", CUSTOMERS[n % 2], payment_method=paid_by) for n in range(20)]
            await send_all(system, taken)
            server.kill()
            with pytest.raises(StoreTrouble):
                await send(system, order("late"))
            assert (await readiness(system))[0] is False
            await asyncio.to_thread(server.start)
            async with asyncio.timeout(PATIENCE_S):
                while not (await readiness(system))[0]:
                    pass  # every look asks the database
            await send(system, order("late"))
            books = await at_rest(data)
        assert (books.verdict, books.totals["orders placed"]) == (Verdict.BALANCED, 21)


def test_who_reads_all_stores_is_told_each_time_that_the_server_is_gone() -> None:
    with (
        best("postgres") as server,
        home_of(Settings(store=server.url), ["order"]).several() as several,
    ):
        with several.snapshot():
            assert list(several.rows("SELECT 1")) == [(1,)]
        server.kill()
        for _ in range(2):
            with pytest.raises(Unavailable), several.snapshot():
                pass


@pytest.mark.parametrize("between_pages", [False, True])
def test_who_reads_all_stores_is_told_that_the_connection_was_lost_meanwhile(
    database: str, between_pages: bool
) -> None:
    with home_of(Settings(store=database), ["order"]).several() as several:
        rows = several.rows("SELECT * FROM generate_series(1, 5000)")

        def read() -> None:
            with several.snapshot():
                if between_pages:
                    assert next(rows) == (1,)
                on_postgres(database, END_OTHERS)
                list(rows)

        with pytest.raises(Unavailable):
            read()


async def test_rows_of_an_older_version_are_upgraded_at_the_start(traded: Path) -> None:
    by_hand(traded, "order", 'DELETE FROM "order$versions"')
    by_hand(traded, "order", 'UPDATE "order$order" SET ended_at = NULL')
    assert asked(traded, "order", WITHOUT_END)[0][0] > 0
    async with trading(traded):
        assert asked(traded, "order", WITHOUT_END) == [(0,)]
        assert (await at_rest(traded)).verdict is Verdict.BALANCED


async def test_what_a_file_of_settings_says_in_vain_is_logged_at_the_start_a_line_each(
    tmp_path: Path,
) -> None:
    url = urlsplit(store_of(tmp_path))
    file = tmp_path / "scalardb.properties"
    file.write_text(f"""scalar.db.storage=jdbc
scalar.db.contact_points=jdbc:postgresql://{url.hostname}:{url.port}{url.path}
scalar.db.username={url.username or ""}
scalar.db.password={url.password or ""}
scalar.db.consensus_commit.include_metadata.enabled=true
scalar.db.consensus_commit.isolation_level=SERIALIZABLE
""")
    remember(tmp_path / "data", str(file))
    async with up(tmp_path / "data") as odori:
        notes = [line for line in odori.log if line["event"] == "store.setting_ignored"]
        assert [line["level"] for line in notes] == ["warning"] * 2
        assert "include_metadata.enabled means nothing here" in notes[0]["note"]
        assert "isolation_level=SERIALIZABLE does not apply to the domains" in notes[1]["note"]
