"""One database on which both engines meet, and the ways to open each of them on it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from itertools import count
from typing import Any

from infra.engine.config import load
from infra.engine.opening import open_engine
from infra.engine.table import Table
from tests.interop.conftest import GROUP_COMMIT
from tests.interop.java import Java
from tests.interop.matrix.cells import PASSED, Cell
from tests.interop.matrix.left import COLUMNS
from tests.interop.matrix.sides import JavaSide, PythonSide, Side
from tests.interop.places import Place

ONE_PHASE = {"scalar.db.consensus_commit.one_phase_commit.enabled": "true"}
#: Java has conditions on scans of whole tables switched off.
FILTERING = {"scalar.db.cross_partition_scan.filtering.enabled": "true"}
#: How a store of each kind differs from the library's defaults.
KINDS: dict[str, dict[str, str]] = {"": {}, "one phase": ONE_PHASE, "grouped": GROUP_COMMIT}
#: What the Python side needs and Java has by default.
TWO_PHASES = {"scalar.db.consensus_commit.one_phase_commit.enabled": "false"}
#: Cassandra's client for Java looks for changes of tables once a second.
SCHEMA_LIMIT_SECONDS = 10
_numbers = count(1)


class Meeting:
    """One database with a table that both engines know."""

    def __init__(self, java: Java, place: Place, namespace: str) -> None:
        self.java, self.place, self.namespace = java, place, namespace
        self.left, self.every = (
            Table(namespace, name, COLUMNS, ("pk",), ("ck",), ("tag",))
            for name in ("left", "every")
        )
        for kind, more in KINDS.items():
            properties = {**place.properties, **FILTERING, **more}
            java.ask("open", store=self.store(kind), properties=properties)

        for table in (self.left, self.every):
            self.create(table)

    def store(self, kind: str = "") -> str:
        """The name of Java's store of this kind."""
        return f"{self.place.name}, {kind or 'plain'}"

    def create(self, table: Table) -> None:
        """Have Java make a table."""
        clustering = {c: "DESC" if c in table.descending else "ASC" for c in table.clustering}
        self.java.ask(
            "createTable",
            store=self.store(),
            namespace=table.namespace,
            table=table.name,
            columns={c: kind.value for c, kind in table.columns.items()},
            partition=list(table.partition),
            clustering=clustering or None,
            index=list(table.indexes) or None,
        )

    def ask(self, what: str, **fields: Any) -> Any:
        """A command to Java on this store."""
        return self.java.ask(what, store=self.store(), **fields)

    async def java_sees(self, table: Table, *, gone: bool = False) -> None:
        """Wait until Java knows these columns, or none: Cassandra's client hears of them late."""
        columns = {column: kind.value for column, kind in table.columns.items()}
        wanted = None if gone else columns
        where: dict[str, Any] = {"namespace": table.namespace, "table": table.name}
        async with asyncio.timeout(SCHEMA_LIMIT_SECONDS):
            while True:
                said = await self.java.answer("metadata", store=self.store(), **where)
                if (said and said["columns"]) == wanted:
                    return

    @asynccontextmanager
    async def sides(self, direction: str, kind: str = "") -> AsyncIterator[tuple[Side, Side]]:
        """Who makes the state, on a store of this kind, and who operates on it then."""
        async with self.python(kind if direction.endswith("python") else "") as python:
            java = JavaSide(self.java, self.store(kind if direction.endswith("java") else ""))
            yield (java, python) if direction == "python after java" else (python, java)

    @asynccontextmanager
    async def python(self, kind: str = "", **more: str) -> AsyncIterator[PythonSide]:
        """Our engine, from ScalarDB's own properties."""
        properties = {**TWO_PHASES, **self.place.properties, **KINDS[kind], **more}
        engine = open_engine(load(properties, environ={}))
        try:
            yield PythonSide(engine)
        finally:
            await engine.close()


def fresh() -> str:
    """A word that no other test uses."""
    return f"n{next(_numbers)}"


def ran(*cells: Cell) -> None:
    """Says that the tests of these cells got to their end."""
    PASSED.update(cells)


async def at_most(number: int, work: Sequence[Callable[[], Coroutine[Any, Any, None]]]) -> None:
    """All of them, so many at the same time; the first error when all have ended."""
    turn = asyncio.Semaphore(number)

    async def one(what: Callable[[], Coroutine[Any, Any, None]]) -> None:
        async with turn:
            await what()

    async with asyncio.TaskGroup() as group:
        for what in work:
            group.create_task(one(what))
