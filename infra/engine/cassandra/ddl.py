"""Tables in ScalarDB's shape; Cassandra's own schema is all that describes them."""

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from cassandra.metadata import protect_name

from infra.engine.cassandra.connection import Connection
from infra.engine.cassandra.statements import listed, name_of
from infra.engine.cassandra.values import CQL_TYPES
from infra.engine.config import CassandraStorage as Settings
from infra.engine.errors import SchemaMismatch
from infra.engine.metadata import Described, check_columns, mistyped, table_of
from infra.engine.table import Table

#: Compaction strategies by ScalarDB's names for them.
COMPACTIONS = {
    "STCS": "SizeTieredCompactionStrategy",
    "LCS": "LeveledCompactionStrategy",
    "TWCS": "TimeWindowCompactionStrategy",
}
#: What ScalarDB calls the one datacenter of a NetworkTopologyStrategy.
DATACENTER = "dc1"
#: ScalarDB looks for this keyspace; it keeps nothing there on Cassandra.
SYSTEM = "scalardb"

_COLUMNS = (
    "SELECT table_name, column_name, kind, position, clustering_order, type"
    " FROM system_schema.columns WHERE keyspace_name = ?"
)
_INDEXES = "SELECT table_name, options FROM system_schema.indexes WHERE keyspace_name = ?"
_KEY_TYPES = {"partition_key": "PARTITION", "clustering": "CLUSTERING"}


class Column(NamedTuple):
    """A column as Cassandra describes it."""

    kind: str
    position: int
    order: str
    type: str


class Found(NamedTuple):
    """One table as it is on disk."""

    columns: dict[str, Column]
    indexes: set[str]

    def keys(self, kind: str) -> tuple[str, ...]:
        """The columns of one part of the primary key."""
        places = {c.position: name for name, c in self.columns.items() if c.kind == kind}
        return tuple(places[position] for position in sorted(places))


async def describe(connection: Connection, namespace: str, name: str) -> Table | None:
    """A table as it is on disk, plain if it lacks one of the transactions' columns."""
    found = (await _keyspace(connection, namespace)).get(name)
    if found is None:
        return None
    kinds = {cql: kind for kind, cql in CQL_TYPES.items()}
    keys = (*found.keys("partition_key"), *found.keys("clustering"))
    rows = {}
    for column in (*keys, *sorted(found.columns.keys() - {*keys})):
        kind, _, order, type_ = found.columns[column]
        if type_ not in kinds:
            raise SchemaMismatch(f"{namespace}.{name}.{column} is {type_}: ScalarDB has no such")
        rows[column] = Described(
            kinds[type_].value, _KEY_TYPES.get(kind), order.upper(), column in found.indexes
        )
    return table_of(namespace, name, rows)


async def columns(connection: Connection, table: Table) -> dict[str, str]:
    found = (await _keyspace(connection, table.namespace)).get(table.name)
    return mistyped(*_kinds(table, found)) if found else {}


async def apply(connection: Connection, settings: Settings, tables: Sequence[Table]) -> None:
    """Create what is missing; SchemaMismatch, before anything is made, if a shape differs."""
    namespaces = dict.fromkeys(table.namespace for table in tables)
    found = {namespace: await _keyspace(connection, namespace) for namespace in namespaces}
    changes: list[str] = []
    for table in tables:
        changes += _changes(table, found[table.namespace].get(table.name), settings)
    if changes:
        changes[:0] = [create_keyspace(name, settings) for name in (SYSTEM, *namespaces)]
    for change in changes:
        await connection.change_schema(change)


def create_keyspace(name: str, settings: Settings) -> str:
    strategy, count = settings.replication_strategy, settings.replication_factor
    factor = DATACENTER if strategy == "NetworkTopologyStrategy" else "replication_factor"
    replication = f"{{'class': {_text(strategy)}, '{factor}': {count}}}"
    return f"CREATE KEYSPACE IF NOT EXISTS {protect_name(name)} WITH replication = {replication}"


def index_name(table: Table, column: str) -> str:
    """As ScalarDB names it; it does not quote it, and Cassandra then takes it in small letters.

    Cassandra allows letters, digits and underscores only; of others ScalarDB would make no index.
    """
    return re.sub(r"\W", "_", f"{table.name}_index_{column}".lower(), flags=re.ASCII)


async def _keyspace(connection: Connection, namespace: str) -> Mapping[str, Found]:
    found: dict[str, Found] = {}
    for table, column, *rest in await connection.read(_COLUMNS, (namespace,)):
        found.setdefault(table, Found({}, set())).columns[column] = Column(*rest)
    for table, options in await connection.read(_INDEXES, (namespace,)):
        if table in found:
            found[table].indexes.add(_unquoted(options.get("target", "")))
    return found


def _changes(table: Table, found: Found | None, settings: Settings) -> list[str]:
    declared = {column: _cql(table, column) for column in table.stored}
    if found is None:
        changes = [_create_table(table, declared, settings)]
    else:
        _check_keys(table, found)
        changes = [
            f"ALTER TABLE {name_of(table)} ADD {protect_name(column)} {declared[column]}"
            for column in check_columns(table, *_kinds(table, found))
        ]
    changes += [
        f"CREATE INDEX IF NOT EXISTS {protect_name(index_name(table, column))}"
        f" ON {name_of(table)} ({protect_name(column)})"
        for column in table.indexed
        if found is None or column not in found.indexes
    ]
    return changes


def _kinds(table: Table, found: Found) -> tuple[dict[str, str], dict[str, str]]:
    """The types of columns: as they are, and as they are declared."""
    there = {name: column.type for name, column in found.columns.items()}
    return there, {column: _cql(table, column) for column in table.stored}


def _create_table(table: Table, declared: Mapping[str, str], settings: Settings) -> str:
    columns = ", ".join(f"{protect_name(column)} {cql}" for column, cql in declared.items())
    keys = ", ".join([f"({listed(table.partition)})", *map(protect_name, table.clustering)])
    name = settings.compaction_strategy
    options = f"compaction = {{'class': {_text(COMPACTIONS.get(name, name))}}}"
    if table.clustering:
        order = ", ".join(
            f"{protect_name(column)} {'DESC' if column in table.descending else 'ASC'}"
            for column in table.clustering
        )
        options = f"CLUSTERING ORDER BY ({order}) AND {options}"
    return (
        f"CREATE TABLE IF NOT EXISTS {name_of(table)} ({columns}, PRIMARY KEY ({keys}))"
        f" WITH {options}"
    )


def _unquoted(name: str) -> str:
    return name[1:-1].replace('""', '"') if name.startswith('"') else name


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _check_keys(table: Table, found: Found) -> None:
    keys = found.keys("partition_key"), found.keys("clustering")
    down = {name for name, column in found.columns.items() if column.order == "desc"}
    there, wanted = (*keys, down), (table.partition, table.clustering, {*table.descending})
    if there != wanted:
        raise SchemaMismatch(
            f"{table.full_name}: primary key, and what of it descends, is {there}, not {wanted}"
        )


def _cql(table: Table, column: str) -> str:
    kind = table.stored[column]
    if kind not in CQL_TYPES:
        raise SchemaMismatch(
            f"{table.full_name}.{column}: Cassandra has no {kind.value}; it has TIMESTAMPTZ"
        )
    return CQL_TYPES[kind]
