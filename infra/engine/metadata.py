"""How ScalarDB describes a table to itself in `scalardb.metadata`, on every SQL storage alike."""

import hashlib
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from infra.engine.errors import SchemaMismatch
from infra.engine.table import BEFORE, TX_COLUMNS, Table, Type

#: ScalarDB shortens a longer index name, since PostgreSQL would cut it.
INDEX_NAME_MAX_CHARS = 63
#: Hexadecimal digits of the hash that stands for a long name.
HASH_CHARS = 32


class Described(NamedTuple):
    """One column's row."""

    data_type: str
    key_type: str | None
    clustering_order: str | None
    indexed: bool


def described(table: Table) -> dict[str, Described]:
    """The rows of a table, by column, in their order."""
    rows = {}
    for column, kind in table.stored.items():
        key = order = None
        if column in table.partition:
            key = "PARTITION"
        elif column in table.clustering:
            key, order = "CLUSTERING", "DESC" if column in table.descending else "ASC"
        rows[column] = Described(kind.value, key, order, column in table.indexed)
    return rows


def differs(table: Table, found: Mapping[str, Described]) -> bool:
    """Whether the rows have to be written; SchemaMismatch if what is there contradicts them."""
    wanted = described(table)
    for column, row in found.items():
        if column in wanted and row[:3] != wanted[column][:3]:
            raise SchemaMismatch(
                f"{table.full_name}.{column} is described as {row}, not {wanted[column]}"
            )
    return dict(found) != wanted


def table_of(namespace: str, name: str, found: Mapping[str, Described]) -> Table | None:
    """The table that these rows describe, in their order; None if they are none, or not all."""
    if not found:
        return None
    own = {*TX_COLUMNS, *(BEFORE + c for c in TX_COLUMNS)}
    plain = not own <= found.keys()
    users = {
        column: row
        for column, row in found.items()
        if plain or (column not in own and not _is_image(column, found))
    }
    if not plain and any(not row.key_type and BEFORE + c not in found for c, row in users.items()):
        return None  # without all images ScalarDB takes it for no table of its own
    clustering = {c: row for c, row in users.items() if row.key_type == "CLUSTERING"}
    partition = tuple(c for c, row in users.items() if row.key_type == "PARTITION")
    if not partition:
        return None
    keys = (*partition, *clustering)
    return Table(
        namespace,
        name,
        {c: Type(users[c].data_type) for c in (*keys, *(c for c in users if c not in keys))},
        partition,
        tuple(clustering),
        tuple(c for c, row in users.items() if row.indexed),
        frozenset(c for c, row in clustering.items() if row.clustering_order == "DESC"),
        plain,
    )


def _is_image(column: str, found: Mapping[str, Described]) -> bool:
    base = column.removeprefix(BEFORE)
    return base != column and base in found and found[base].key_type is None


def index_name(table: Table, column: str) -> str:
    """The name of a secondary index."""
    return shortened(f"index_{table.namespace}_{table.name}_{column}", "index_")


def shortened(name: str, prefix: str) -> str:
    """A name as it is, or its hash behind a prefix where it is too long."""
    if len(name) <= INDEX_NAME_MAX_CHARS:
        return name
    return prefix + hashlib.sha256(name.encode()).hexdigest()[:HASH_CHARS]


def mistyped(there: Mapping[str, str], declared: Mapping[str, str]) -> dict[str, str]:
    """Each column that is there, with how its type is another than the one declared, if it is."""
    return {
        column: f"{kind}, declared {declared[column]}"
        if column in declared and kind.upper() != declared[column].upper()
        else ""
        for column, kind in there.items()
    }


def check_columns(table: Table, there: Mapping[str, str], declared: Mapping[str, str]) -> list[str]:
    """Columns that are missing on disk; SchemaMismatch names one that is of another type."""
    for column, wrong in mistyped(there, declared).items():
        if column not in declared:
            raise SchemaMismatch(f"{table.full_name}.{column} is not declared")
        if wrong:
            raise SchemaMismatch(f"{table.full_name}.{column} is {wrong}")
    return [column for column in declared if column not in there]


def check_keys(table: Table, keys: Iterable[str]) -> None:
    """SchemaMismatch unless the primary key on disk is the one declared."""
    if (found := tuple(keys)) != table.keys:
        raise SchemaMismatch(f"{table.full_name}: primary key is {found}, not {table.keys}")
