"""Namespaces and tables of one PostgreSQL database, and tables that were there before."""

from infra.engine.errors import InvalidRequest, SchemaMismatch
from infra.engine.postgres import ddl
from infra.engine.postgres.pool import Connection
from infra.engine.postgres.statements import table_name
from infra.engine.postgres.types import NAMES, declared
from infra.engine.shapes import quoted
from infra.engine.table import Table, Type

#: Schemas that are PostgreSQL's, or ScalarDB's for itself.
_OWN = "nspname NOT LIKE 'pg\\_%' AND nspname NOT IN ('information_schema','public','scalardb')"
#: Other PostgreSQL types that hold what one of ScalarDB's does.
_ALSO = {"smallint": Type.INT, "character varying": Type.TEXT, "character": Type.TEXT}


async def namespaces(connection: Connection) -> list[str]:
    rows = await connection.fetch(f"SELECT nspname FROM pg_namespace WHERE {_OWN} ORDER BY 1")
    return [row[0] for row in rows]


async def tables(connection: Connection, namespace: str) -> list[str]:
    rows = await connection.fetch(
        "SELECT tablename FROM pg_tables WHERE schemaname=$1 ORDER BY 1", namespace
    )
    return [row[0] for row in rows]


async def drop_namespace(connection: Connection, namespace: str) -> None:
    if left := await tables(connection, namespace):
        raise InvalidRequest(f"namespace {namespace} still has {', '.join(left)}")
    await connection.execute(f"DROP SCHEMA IF EXISTS {quoted(namespace)}")


async def drop_table(connection: Connection, table: Table) -> None:
    await connection.execute(f"DROP TABLE IF EXISTS {table_name(table)}")
    await ddl.forget(connection, table.full_name)


async def import_table(connection: Connection, namespace: str, name: str) -> Table:
    """Add the transaction's columns to a table, and describe it."""
    full_name = f"{namespace}.{name}"
    columns = await ddl.columns(connection, namespace, name)
    if not columns:
        raise SchemaMismatch(f"{full_name} does not exist")
    keyed = sorted((place, column) for column, _, place in columns if place is not None)
    if not keyed:
        raise InvalidRequest(f"{full_name} has no primary key, which ScalarDB needs")
    if any(column == "tx_id" for column, _, _ in columns):
        raise InvalidRequest(f"{full_name} has a column tx_id; it may have been imported before")
    keys = tuple(column for _, column in keyed)
    types = {column: _type(full_name, column, kind) for column, kind, _ in columns}
    ordered = {column: types[column] for column in (*keys, *(c for c in types if c not in keys))}
    table = Table(namespace, name, ordered, keys)
    new = [column for column in table.stored if column not in table.columns]
    kinds = {column: declared(table, column) for column in new}
    added = ",".join(f"ADD COLUMN {quoted(column)} {kind}" for column, kind in kinds.items())
    await connection.execute(f"ALTER TABLE {table_name(table)} {added}")
    await ddl.write_description(connection, table)
    return table


def _type(full_name: str, column: str, kind: str) -> Type:
    bare = kind.split("(")[0]
    found = _BY_NAME.get(kind) or _BY_NAME.get(bare)
    if found is None:
        raise InvalidRequest(f"{full_name}.{column}: ScalarDB has no type for {kind}")
    return found


_BY_NAME: dict[str, Type] = {name: kind for kind, name in NAMES.items()} | _ALSO
