"""The real SQLite store of a domain, inline, with others running in between and faults."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from infra.engine.engine import Engine, Transaction
from infra.engine.sqlite import SqliteEngine
from infra.engine.table import Key, Record, Table
from streams.home import Files, Home
from streams.store import Store
from streams.topology import Part
from tests.simulation.host import Host


class HostileFiles(Files):
    """Opens each file as one process of several would."""

    def __init__(self, data: Path, host: Host) -> None:
        super().__init__(data, inline=True)
        self._host = host

    def engine(self, domain: str) -> Engine:
        engine = SqliteEngine.open(
            self.data / self.place(domain), inline=True, fault=self._host.fault, busy_ms=0,
            clock=lambda: round(self._host.world.now().timestamp() * 1000),
        )  # fmt: skip
        return HostileEngine(engine, self._host)


class HostileStore(Store):
    """A store whose reads take time."""

    def __init__(self, part: Part, home: Home, host: Host) -> None:
        self._host = host
        super().__init__(part, home)

    async def lanes(self) -> list[tuple[str, int]]:
        await self._host.gate()
        return await super().lanes()

    async def page(self, lane: str, after: int, limit: int) -> list[Record]:
        await self._host.gate()
        return await super().page(lane, after, limit)


class HostileEngine:
    """An engine whose calls take time."""

    def __init__(self, engine: Engine, host: Host) -> None:
        self._engine = engine
        self._host = host

    def begin(self, *, locked: bool = False, tx_id: str | None = None) -> Transaction:
        transaction: Any = HostileTransaction(self._engine.begin(locked=locked), self._host)
        return transaction  # type: ignore[no-any-return]

    async def describe(self, namespace: str, name: str) -> Table | None:
        return await self._engine.describe(namespace, name)

    async def columns(self, table: Table) -> dict[str, str]:
        return await self._engine.columns(table)

    async def apply(self, tables: Sequence[Table]) -> None:
        await self._host.gate()
        await self._engine.apply(tables)

    async def changed(self) -> bool:
        await self._host.gate()
        return await self._engine.changed()

    async def close(self) -> None:
        await self._engine.close()


class HostileTransaction:
    """A transaction that others may overtake before each of its calls."""

    def __init__(self, transaction: Transaction, host: Host) -> None:
        self._transaction = transaction
        self._host = host

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transaction, name)

    async def fetch(self, wanted: Mapping[Table, Iterable[Key]]) -> None:
        await self._host.gate()
        await self._transaction.fetch(wanted)

    async def commit(self) -> int:
        await self._host.gate()
        at = await self._transaction.commit()
        await self._host.gate()
        return at
