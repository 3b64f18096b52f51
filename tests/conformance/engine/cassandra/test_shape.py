"""Tables on Cassandra are as ScalarDB makes them."""

import pytest
from cassandra.cluster import Session

from infra.engine.errors import SchemaMismatch
from infra.engine.table import Table, Type
from tests.conformance.engine.cases import Use, read, stored
from tests.conformance.engine.cassandra.tables import MIXED, TYPES

pytestmark = pytest.mark.needs("cassandra")


@pytest.fixture(autouse=True)
def nothing_there(driver: Session) -> None:
    driver.execute("DROP KEYSPACE IF EXISTS app")


class TestShape:
    async def test_a_table_is_created_as_scalardb_creates_it(
        self, use: Use, driver: Session
    ) -> None:
        async with use() as engine:
            await engine.apply([TYPES])
        names = "text int text boolean int bigint float double text blob date time timestamp"
        wanted = dict(zip(TYPES.columns, names.split(), strict=True))
        tx = {"id": "text", "state": "int", "version": "int"}
        tx |= {"prepared_at": "bigint", "committed_at": "bigint"}
        wanted |= {f"tx_{name}": kind for name, kind in tx.items()}
        images = {f"before_{name}": kind for name, kind in wanted.items()}
        del images["before_pk"], images["before_ck"]
        rows = driver.execute(
            "SELECT column_name, type FROM system_schema.columns"
            " WHERE keyspace_name = 'app' AND table_name = 'types'"
        )
        assert {row["column_name"]: row["type"] for row in rows} == wanted | images
        described = driver.execute("DESCRIBE TABLE app.types").all()
        made = described[0]["create_statement"]
        assert "PRIMARY KEY (pk, ck)\n) WITH CLUSTERING ORDER BY (ck ASC)" in made
        assert "SizeTieredCompactionStrategy" in made
        assert "default_time_to_live = 0" in made
        assert "gc_grace_seconds = 864000" in made
        assert {row["name"] for row in described} == {
            "types",
            "types_index_ix",
            "types_index_before_ix",
        }

    async def test_names_are_quoted_where_they_must_be(self, use: Use, driver: Session) -> None:
        async with use() as engine:
            await engine.apply([MIXED])
            row = (1, 2, 3, 4, 5, 6)
            await stored(engine, row, table=MIXED)
            assert (await read(engine, row[:4], MIXED)).values == row
            await engine.apply([MIXED])
        described = driver.execute('DESCRIBE TABLE app."Mixed"').all()
        made = described[0]["create_statement"]
        assert 'CREATE TABLE app."Mixed" (' in made
        assert '    "Order" int,\n' in made
        assert '    "before_Order" int,\n' in made
        assert "PRIMARY KEY ((a, b), c, d)" in made
        assert "CLUSTERING ORDER BY (c DESC, d ASC)" in made
        assert {row["name"] for row in described} == {
            '"Mixed"',
            "mixed_index_i",
            "mixed_index_before_i",
        }

    async def test_keyspaces_are_scalardbs(self, use: Use, driver: Session) -> None:
        async with use() as engine:
            await engine.apply([TYPES])
        for keyspace in ("app", "scalardb"):
            made = driver.execute(f"DESCRIBE KEYSPACE {keyspace}").all()[0]["create_statement"]
            assert "'class': 'SimpleStrategy', 'replication_factor': '1'" in made
        assert len(driver.execute("DESCRIBE KEYSPACE scalardb").all()) == 1

    @pytest.mark.parametrize("table", [TYPES, MIXED], ids=lambda table: table.name)
    async def test_a_table_is_described_as_it_was_applied(self, use: Use, table: Table) -> None:
        async with use() as engine:
            await engine.apply([table])
            found = await engine.storages["cassandra"].describe("app", table.name)
            assert await engine.storages["cassandra"].describe("app", "none") is None
        assert dict(found.columns) == dict(table.columns)
        for part in ("partition", "clustering", "indexes", "descending", "plain"):
            assert getattr(found, part) == getattr(table, part)

    async def test_a_table_without_transaction_columns_is_plain(self, use: Use) -> None:
        async with use() as engine:
            state = await engine.storages["cassandra"].describe("coordinator", "state")
        assert state.plain
        assert state.keys == ("tx_id",)

    async def test_a_timestamp_is_refused_before_anything_is_made(self, use: Use) -> None:
        local = Table("app", "local", {"id": Type.INT, "at": Type.TIMESTAMP}, ("id",))
        async with use() as engine:
            with pytest.raises(SchemaMismatch, match=r"app\.local\.at.*no TIMESTAMP"):
                await engine.apply([TYPES, local])
            assert await engine.storages["cassandra"].describe("app", "types") is None

    async def test_another_clustering_order_is_another_shape(self, use: Use) -> None:
        async with use() as engine:
            await engine.apply([MIXED])
            other = Table("app", "Mixed", MIXED.columns, ("a", "b"), ("c", "d"), ("i",))
            with pytest.raises(SchemaMismatch, match=r"app\.Mixed"):
                await engine.apply([other])
