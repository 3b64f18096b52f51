"""Namespaces and tables of one cluster: listed and removed."""

from cassandra.metadata import protect_name

from infra.engine.cassandra.connection import Connection
from infra.engine.cassandra.ddl import SYSTEM, create_keyspace
from infra.engine.cassandra.statements import name_of
from infra.engine.config import CassandraStorage as Settings
from infra.engine.errors import InvalidRequest
from infra.engine.table import Table


async def namespaces(connection: Connection) -> list[str]:
    rows = await connection.read("SELECT keyspace_name FROM system_schema.keyspaces")
    own = (name for (name,) in rows if name != SYSTEM)
    return sorted(name for name in own if name != "system" and not name.startswith("system_"))


async def tables(connection: Connection, namespace: str) -> list[str]:
    query = "SELECT table_name FROM system_schema.tables WHERE keyspace_name = ?"
    return [name for (name,) in await connection.read(query, (namespace,))]


async def create_namespace(connection: Connection, namespace: str, settings: Settings) -> None:
    for name in (SYSTEM, namespace):
        await connection.change_schema(create_keyspace(name, settings))


async def drop_namespace(connection: Connection, namespace: str) -> None:
    if left := await tables(connection, namespace):
        raise InvalidRequest(f"namespace {namespace} still has {', '.join(left)}")
    await connection.change_schema(f"DROP KEYSPACE IF EXISTS {protect_name(namespace)}")


async def drop_table(connection: Connection, table: Table) -> None:
    if table.name in await tables(connection, table.namespace):
        await connection.change_schema(f"DROP TABLE IF EXISTS {name_of(table)}")
