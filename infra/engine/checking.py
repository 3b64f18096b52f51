"""Whether tables are on disk as they are declared: looked at once, before their first use."""

from collections.abc import Callable, Sequence

from infra.engine.differing import contradicting, missing_columns
from infra.engine.errors import SchemaMismatch
from infra.engine.storage import Storage
from infra.engine.table import Table


class Declarations:
    """Which declarations an engine may use. One with other columns than the table has would tear
    rows: images before, and what a rollback restores, are taken column by column."""

    def __init__(self, storage_of: Callable[[Table], Storage]) -> None:
        #: Those that are as on disk.
        self.known: set[Table] = set()
        self._storage_of = storage_of

    async def check(self, table: Table) -> None:
        """SchemaMismatch if the table has other columns. One that ScalarDB would not find is let
        through, and looked for again the next time."""
        found = await self._storage_of(table).describe(table.namespace, table.name)
        if found is None:
            return
        if told := [*missing_columns(table, found), *contradicting(table, found)]:
            raise SchemaMismatch(f"{table.full_name} is not as declared: {'; '.join(told)}")
        self.known.add(table)

    def made(self, tables: Sequence[Table]) -> None:
        """These are on disk as declared, and other declarations of them may be so no longer."""
        self.forget({table.full_name for table in tables})
        self.known.update(tables)

    def forget(self, full_names: set[str]) -> None:
        self.known = {table for table in self.known if table.full_name not in full_names}
