"""Both sides over one place: how each opens it, whom each sends, and how all come to rest."""

import json
import os
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from infra.engine.config import load
from infra.engine.consensus import ConsensusCommit
from infra.engine.errors import Uncommitted
from infra.engine.opening import open_engine
from infra.engine.table import COMMITTED, Key, Table
from tests.interop.java import Java, JavaError
from tests.interop.places import Place
from tests.interop.shop import Shop
from tests.mixed.players import JavaPlayer, Player, PythonPlayer, Seat

COMMIT = "scalar.db.consensus_commit"
ONE_PHASE = f"{COMMIT}.one_phase_commit.enabled"
GROUPS = f"{COMMIT}.coordinator.group_commit.enabled"
#: Records expire after 15 s; then they are to be finished.
REST_LIMIT_SECONDS = 40
#: Several processes of either side share two processors.
TASKS = 3

Row = dict[str, Any]


def seconds(whole: float) -> float:
    """How long a load lasts; developers may set the longest (MIXED_SECONDS=12)."""
    return min(whole, float(os.environ.get("MIXED_SECONDS", "inf")))


@dataclass(frozen=True)
class Protocol:
    """How each side commits: what it has in its properties beside those of the place."""

    name: str
    python: dict[str, str] = field(default_factory=dict)
    java: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.name


BY_DEFAULT = Protocol("by default")
THREE_PHASES = Protocol("three phases", {ONE_PHASE: "false"}, {ONE_PHASE: "false"})
GROUPED = Protocol(
    "group commit",
    {ONE_PHASE: "false", GROUPS: "true"},
    {ONE_PHASE: "false", GROUPS: "true"},
)  # fmt: skip
ONE_PHASED = Protocol("one phase", {}, {ONE_PHASE: "true"})


@dataclass
class Sides:
    """A table and its place, for processes of both sides."""

    java: Java
    place: Place
    namespace: str
    table: str
    folder: Path
    protocol: Protocol = BY_DEFAULT

    @property
    def shop(self) -> Shop:
        return Shop(self.java, self.place.name, self.namespace, self.table)

    def seats(self, do: str, written: str, **fields: Any) -> list[Seat]:
        """Two of Python, one of Java, whose start takes longer; `written` is the field that names
        the file which a process writes."""
        return [
            self._seat("python-1", PythonPlayer, self.protocol.python, do, written, fields),
            self._seat("python-2", PythonPlayer, self.protocol.python, do, written, fields),
            self._seat("java", JavaPlayer, self.protocol.java, do, written, fields),
        ]

    def _seat(
        self,
        name: str,
        kind: Callable[..., Player],
        properties: dict[str, str],
        do: str,
        written: str,
        fields: Row,
    ) -> Seat:
        def begin(life: int) -> Player:
            seed = abs(hash((name, life))) % 1_000_000
            given = {"namespace": self.namespace, "table": self.table, "threads": TASKS}
            given |= {written: str(self.folder / f"{name}-{life}.jsonl"), "seed": seed}
            given |= {key: value(name, life) for key, value in fields.items() if callable(value)}
            given |= {key: value for key, value in fields.items() if not callable(value)}
            log = self.folder / f"{name}.log"
            return kind(do, {**self.place.properties, **properties}, given, log)

        return Seat(begin, (3, 9) if kind is JavaPlayer else (1, 5))

    def lines(self, side: str) -> list[Row]:
        """What the processes of a side wrote; kills may have cut last lines."""
        return [
            json.loads(line)
            for file in sorted(self.folder.glob(f"{side}*.jsonl"))
            for line in file.read_text().split("\n")[:-1]
        ]

    def told(self, side: str) -> str:
        """How often the processes of a side were told what, for people."""
        lines = self.lines(side)
        kinds = Counter(line["type"] for line in lines)
        errors = Counter(line["error"].partition(":")[0] for line in lines if line.get("error"))
        return f"{side}: {dict(kinds)} {dict(errors)}"

    @asynccontextmanager
    async def engine(self, **properties: str) -> AsyncIterator[ConsensusCommit]:
        """The Python side, in this process."""
        engine = open_engine(load({**self.place.properties, **properties}))
        try:
            yield engine
        finally:
            await engine.close()

    async def described(self, engine: ConsensusCommit, name: str | None = None) -> Table:
        """A table as the Python side finds it."""
        table = name or self.table
        found = await engine.home_of(self.namespace).describe(self.namespace, table)
        assert found
        return found

    async def pending(self, table: str) -> list[Row]:
        """Rows on disk that somebody has not finished."""
        rows = await self.place.rows(self.namespace, table)
        return [row for row in rows if row["tx_state"] != COMMITTED]

    async def rest(self, engine: ConsensusCommit, table: Table) -> None:
        """Finish what was killed: each side the half of it, by reading it."""
        end = time.monotonic() + REST_LIMIT_SECONDS
        keys = [tuple(row[name] for name in table.keys) for row in await self.pending(table.name)]
        for number, key in enumerate(keys):
            reads = self._python_reads if number % 2 else self._java_reads
            while not await reads(engine, table, key):
                assert time.monotonic() < end, f"{table} {key} is not finished"
        while await self.pending(table.name):  # Java writes it in threads of its own
            assert time.monotonic() < end, f"{table} is not finished"

    async def _python_reads(self, engine: ConsensusCommit, table: Table, key: Key) -> bool:
        try:
            await engine.begin().fetch({table: [key]})
        except Uncommitted:
            return False
        return True

    async def _java_reads(self, _: ConsensusCommit, table: Table, key: Key) -> bool:
        shop = Shop(self.java, self.place.name, self.namespace, table.name)
        try:
            shop.get(**dict(zip(table.keys, key, strict=True)))
        except JavaError as error:
            if error.kind != "UncommittedRecordException":
                raise
            return False
        return True
