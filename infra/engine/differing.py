"""What a table on disk has other than the one declared, in sentences."""

from collections.abc import Collection, Iterator, Mapping

from infra.engine.metadata import Described, described
from infra.engine.table import BEFORE, Table


def missing(declared: Table, found: Table | None, columns: Collection[str]) -> list[str]:
    """What `apply` would make: the table itself, columns, what describes them, indexes. `columns`
    are those on disk, `found` is what describes them."""
    if not columns:
        return [f"{declared.full_name} is not there"]
    there = described(found) if found else {}
    told = []
    for column, row in described(declared).items():
        name = f"{declared.full_name}.{column}"
        if column not in columns:
            base = column.removeprefix(BEFORE)
            if column == base or base in columns:  # the image of what is told goes without saying
                told.append(f"{name} ({row.data_type}) is not there")
        elif column in declared.columns:
            if column not in there:
                told.append(f"{name} is not described")
            elif row.indexed and not there[column].indexed:
                told.append(f"{name} has no index")
    return told


def missing_columns(declared: Table, found: Table) -> list[str]:
    """Columns that are declared only."""
    return [
        f"{declared.full_name}.{column} ({row.data_type}) is not there"
        for column, row in _users(declared)
        if column not in found.columns
    ]


def contradicting(
    declared: Table, found: Table | None, columns: Mapping[str, str] | None = None
) -> list[str]:
    """What `apply` refuses to change: types, keys, orders, columns that nobody declares. `columns`
    are those on disk, each with how its type differs."""
    wanted = described(declared)
    known = {*wanted, *(described(found) if found else ())}
    told = [
        f"{declared.full_name}.{column} is declared nowhere"
        for column in columns or ()
        if column not in known
    ]
    there = {column: wrong for column, wrong in (columns or {}).items() if wrong}
    for column, row in _users(found) if found else ():
        if column not in wanted:
            told.append(f"{declared.full_name}.{column} ({row.data_type}) is declared nowhere")
        elif row[:3] != wanted[column][:3]:
            there.pop(column, None)
            told.append(
                f"{declared.full_name}.{column} is {_words(row)}, declared {_words(wanted[column])}"
            )
    told += [f"{declared.full_name}.{column} is {wrong}" for column, wrong in there.items()]
    if found and found.keys != declared.keys and not told:
        told.append(f"{declared.full_name}: its key is {found.keys}, declared {declared.keys}")
    return told


def _users(table: Table) -> Iterator[tuple[str, Described]]:
    """The user's columns; what the protocol adds follows from them."""
    for column, row in described(table).items():
        if column in table.columns:
            yield column, row


def shown(table: Table) -> list[str]:
    """A table as people read it: a line for each column."""
    width = max(map(len, table.columns))
    lines = [table.full_name]
    for column, row in _users(table):
        lines.append(f"  {column:<{width}}  {_words(row)}{', index' if row.indexed else ''}")
    return lines


def _words(row: Described) -> str:
    key = {"PARTITION": ", partition key", "CLUSTERING": ", clustering key"}.get(row.key_type or "")
    order = " descending" if row.clustering_order == "DESC" else ""
    return f"{row.data_type}{key or ''}{order}"
