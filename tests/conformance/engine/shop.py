"""The suite's tables on Cassandra: made once, since that takes seconds, and emptied."""

from infra.engine.cassandra import CassandraStorage
from infra.engine.config import CassandraStorage as CassandraSettings
from infra.engine.coordinator import COLUMNS, STATE
from infra.engine.errors import SchemaMismatch
from infra.engine.table import Table, Type
from tests.conformance.engine.cases import TABLES

#: `app` is what the tests of Cassandra alone use, and clean where they need to.
KEPT = {"shop", "coordinator", "app"}
COORDINATOR = Table("coordinator", STATE, COLUMNS, ("tx_id",), plain=True)


async def emptied(settings: CassandraSettings) -> None:
    """Have all tables in their own shape, and empty."""
    storage = CassandraStorage(settings)
    change = storage.connection.change_schema
    try:
        for namespace in {*await storage.namespaces()} - KEPT:
            await change(f'DROP KEYSPACE "{namespace}"')
        names = {table.name for table in TABLES}
        for name in {*await storage.tables(TABLES[0].namespace)} - names:
            await storage.drop_table(Table(TABLES[0].namespace, name, {"id": Type.INT}, ("id",)))
        try:
            await storage.apply([*TABLES, COORDINATOR])
        except SchemaMismatch:  # a test has given one another shape
            await change(f"DROP KEYSPACE {TABLES[0].namespace}")
            await storage.apply(TABLES)
        for table in (*TABLES, COORDINATOR):
            name = f"{table.namespace}.{table.name}"
            if await storage.connection.read(f"SELECT {table.keys[0]} FROM {name} LIMIT 1"):
                await change(f"TRUNCATE {name}")
    finally:
        await storage.close()
