"""Namespaces, tables and the coordinator's table: made, looked at, changed and removed."""

from typing import TYPE_CHECKING

from infra.engine.coordinator import CHILDREN, COLUMNS, STATE
from infra.engine.table import Table

if TYPE_CHECKING:
    from infra.engine.consensus import ConsensusCommit


class Admin:
    """What changes the shape of an engine's storages; what Java made is found, and the reverse."""

    def __init__(self, engine: "ConsensusCommit") -> None:
        self._engine = engine

    async def create_coordinator_tables(self) -> None:
        """Make the table in which transactions are decided; harmless where it is."""
        coordinator = self._engine.coordinator
        found = await coordinator.storage.describe(coordinator.namespace, STATE)
        grouped = self._engine.options.group_commit.enabled
        columns = {c: kind for c, kind in COLUMNS.items() if grouped or c != CHILDREN}
        if found is None:
            wanted = Table(coordinator.namespace, STATE, columns, ("tx_id",), plain=True)
            await coordinator.storage.apply([wanted])
        elif missing := [c for c in columns if c not in found.columns]:
            columns = found.columns | {c: COLUMNS[c] for c in missing}
            wanted = Table(coordinator.namespace, STATE, columns, ("tx_id",), plain=True)
            await coordinator.storage.apply([wanted])
        coordinator.forget_table()
