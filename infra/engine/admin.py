"""Namespaces, tables and the coordinator's table: made, looked at, changed and removed."""

from typing import TYPE_CHECKING

from infra.engine.coordinator import CHILDREN, COLUMNS, STATE
from infra.engine.errors import InvalidRequest, SchemaMismatch
from infra.engine.table import BEFORE, TX_COLUMNS, Table, Type

if TYPE_CHECKING:
    from infra.engine.consensus import ConsensusCommit


class Admin:
    """What changes the shape of an engine's storages; what Java made is found, and the reverse."""

    def __init__(self, engine: "ConsensusCommit") -> None:
        self._engine = engine

    async def create_namespace(self, namespace: str) -> None:
        """Make a namespace where the settings map it; harmless where it is."""
        await self._engine.home_of(namespace).create_namespace(namespace)

    async def drop_namespace(self, namespace: str) -> None:
        """Remove an empty namespace."""
        await self._engine.home_of(namespace).drop_namespace(namespace)

    async def namespaces(self) -> list[str]:
        """Every namespace of every storage."""
        found = [await storage.namespaces() for storage in self._engine.storages.values()]
        return sorted({namespace for names in found for namespace in names})

    async def tables(self, namespace: str) -> list[str]:
        """Names of the tables of a namespace."""
        found = [
            name
            for home in self._engine.storages.values()
            for name in await home.tables(namespace)
            if self._engine.storage_named(namespace, name) is home
        ]
        return sorted(found)

    async def create_table(self, table: Table) -> None:
        """Make a table, or give it the columns and indexes that it lacks (`repair`, too).

        Raises SchemaMismatch if it is there in another shape, InvalidRequest for a name that the
        protocol needs for itself.
        """
        check_names(table)
        await self._engine.apply([table])

    async def drop_table(self, table: Table) -> None:
        """Remove a table with its rows."""
        await self._engine.storage_of(table).drop_table(table)
        self._engine.declarations.forget({table.full_name})

    async def describe(self, namespace: str, name: str) -> Table | None:
        """A table's metadata; None if there is none, or it is no table of ScalarDB."""
        return await self._engine.storage_named(namespace, name).describe(namespace, name)

    async def add_column(self, table: Table, column: str, kind: Type) -> Table:
        """The table with one more column, which is NULL in the rows there are."""
        if column in table.columns:
            raise InvalidRequest(f"{table.full_name} has a column {column} already")
        if await self._engine.storage_of(table).describe(table.namespace, table.name) is None:
            raise SchemaMismatch(f"{table.full_name} does not exist")
        wider = Table(
            table.namespace,
            table.name,
            table.columns | {column: kind},
            table.partition,
            table.clustering,
            table.indexes,
            table.descending,
        )
        await self.create_table(wider)
        return wider

    async def import_table(self, namespace: str, name: str) -> Table:
        """Take in a table of PostgreSQL with the rows it has."""
        return await self._engine.storage_named(namespace, name).import_table(namespace, name)

    async def create_coordinator_tables(self) -> None:
        """Make the table in which transactions are decided; harmless where it is."""
        coordinator = self._engine.coordinator
        found = await coordinator.storage.describe(coordinator.namespace, STATE)
        grouped = self._engine.options.group_commit.enabled
        columns = {c: kind for c, kind in COLUMNS.items() if grouped or c != CHILDREN}
        if found is not None:
            columns = found.columns | {c: k for c, k in columns.items() if c not in found.columns}
        table = Table(coordinator.namespace, STATE, columns, ("tx_id",), plain=True)
        await coordinator.storage.apply([table])
        coordinator.forget_table()

    async def repair_coordinator_tables(self) -> None:
        """Give the coordinator's table what it lacks, such as the column for groups."""
        coordinator = self._engine.coordinator
        if await coordinator.storage.describe(coordinator.namespace, STATE) is None:
            raise SchemaMismatch(f"{coordinator.namespace}.{STATE} does not exist")
        await self.create_coordinator_tables()


def check_names(table: Table) -> None:
    """InvalidRequest for a name that the protocol uses itself, or that could mean two tables."""
    if {"$", "."} & {*table.namespace, *table.name}:
        raise InvalidRequest(f"{table.full_name}: a name may contain neither $ nor a dot")
    own = {*TX_COLUMNS, *(BEFORE + c for c in TX_COLUMNS)}
    for column in table.columns:
        base = column.removeprefix(BEFORE)
        if column in own or (base != column and base in table.rest):
            raise InvalidRequest(f"{table.full_name}.{column}: the protocol uses that name itself")
