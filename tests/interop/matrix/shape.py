"""Tables as their databases describe them, without the names of namespaces."""

from typing import Any

from infra.engine.metadata import shortened
from infra.engine.table import Table
from tests.interop.places import CassandraPlace, Place, PostgresPlace, SqlitePlace

_COLUMNS = """SELECT column_name, data_type, character_maximum_length, is_nullable
FROM information_schema.columns WHERE table_schema='{0}' AND table_name='{1}'"""
_INDEXES = "SELECT indexdef FROM pg_indexes WHERE schemaname='{0}' AND tablename='{1}'"
_DESCRIBED = (
    "SELECT column_name, data_type, key_type, clustering_order, indexed"
    " FROM {2} WHERE full_table_name='{0}.{1}'"
)
_CQL_COLUMNS = (
    "SELECT column_name, kind, position, clustering_order, type FROM system_schema.columns"
    " WHERE keyspace_name='{0}' AND table_name='{1}'"
)
_CQL_INDEXES = (
    "SELECT index_name, kind, options FROM system_schema.indexes"
    " WHERE keyspace_name='{0}' AND table_name='{1}'"
)


async def shape(place: Place, table: Table) -> dict[str, list[Any]]:
    """Columns, indexes and ScalarDB's own description, each in one order."""
    asked: dict[str, str] = {}
    if isinstance(place, PostgresPlace):
        described = _DESCRIBED.replace("{2}", "scalardb.metadata")
        asked = {"columns": _COLUMNS, "indexes": _INDEXES, "described": described}
        rows = {k: await place.execute(_of(sql, table)) for k, sql in asked.items()}
    elif isinstance(place, SqlitePlace):
        asked = {
            "columns": "PRAGMA table_info('{0}${1}')",
            "indexes": "SELECT sql FROM sqlite_master WHERE type='index' AND tbl_name='{0}${1}'",
            "described": _DESCRIBED.replace("{2}", '"scalardb$metadata"'),
        }
        rows = {k: await place.execute(_of(sql, table)) for k, sql in asked.items()}
        for row in rows["columns"]:
            del row["cid"]  # the images' order is nobody's promise
    else:
        assert isinstance(place, CassandraPlace)
        asked = {"columns": _CQL_COLUMNS, "indexes": _CQL_INDEXES}
        rows = {k: [*place.session.execute(_of(sql, table))] for k, sql in asked.items()}
    return {k: sorted(_anonymous(repr(row), table) for row in found) for k, found in rows.items()}


def _of(sql: str, table: Table) -> str:
    return sql.replace("{0}", table.namespace).replace("{1}", table.name)


def _anonymous(text: str, table: Table) -> str:
    """Without the namespace and the table's name, and the names that are hashes of them."""
    names = [f"index_{table.namespace}_{table.name}_{c}" for c in table.indexed]
    for at, name in enumerate(names):
        text = text.replace(shortened(name, "index_"), f"index {at}")
    text = text.replace(f"{table.namespace}_", "NAMESPACE_").replace(table.name, "TABLE")
    return text.replace(table.namespace, "NAMESPACE")
