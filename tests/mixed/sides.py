"""Both sides over one place: how each opens it, whom each sends, and how all come to rest."""

import json
import os
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

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
#: Commits of a side; with fewer a load would mean nothing. Cassandra on a busy machine makes few.
ENOUGH = 2
#: Records expire after 15 s; then they are to be finished.
REST_LIMIT_SECONDS = 40
#: What a process is told that won, or lost against another one; anything else is a mistake.
LOSSES = {"", "Conflict", "Uncommitted", "LockedOut"}

Row = dict[str, Any]


@dataclass(frozen=True)
class Pace:
    """How many transactions a process has under way, and how long it lives before it is killed."""

    tasks: int = 3
    python_lives_seconds: tuple[float, float] = (1, 5)
    #: Java takes two seconds to start.
    java_lives_seconds: tuple[float, float] = (3, 9)


#: A commit on Cassandra takes many times as long, so that a kill nearly always leaves records;
#: they stay for 15 s each, and there must be others left to work with.
PACES = {"cassandra": Pace(1, (4, 12), (8, 16))}


def seconds(whole: float) -> float:
    """How long a load lasts; developers may set the longest (MIXED_SECONDS=12)."""
    return min(whole, float(os.environ.get("MIXED_SECONDS", "inf")))


class Way(NamedTuple):
    """How a process of either side commits: its properties beside those of the place. And how
    wrong the clock is by which Python takes others for dead and dates what it prepares."""

    python: dict[str, str]
    java: dict[str, str]
    clock_ahead_ms: int = 0


#: Python in one phase where it can, Java never.
BY_DEFAULT = (Way({}, {}),)
_THREE_PHASES = {ONE_PHASE: "false"}
_GROUPED = {ONE_PHASE: "false", GROUPS: "true"}
_ONE_PHASE = {ONE_PHASE: "true"}
#: As above, in three phases, and in groups; nobody's clock is wrong.
IN_TIME = (*BY_DEFAULT, Way(_THREE_PHASES, _THREE_PHASES), Way(_GROUPED, _GROUPED))
#: Each process has another way than the one before it, and than the one beside it. Who is a minute
#: ahead aborts what is under way, and what is prepared a minute ago is aborted at once.
#: What the one ahead leaves when it is killed would stay for a minute, but for its single phase.
IN_TURN = (
    Way(_THREE_PHASES, _THREE_PHASES),
    Way(_GROUPED, _GROUPED),
    Way(_ONE_PHASE, _THREE_PHASES, clock_ahead_ms=60_000),
    Way(_THREE_PHASES, _ONE_PHASE, clock_ahead_ms=-60_000),
)


@dataclass
class Sides:
    """A table and its place, for processes of both sides."""

    java: Java
    place: Place
    namespace: str
    table: str
    folder: Path
    ways: Sequence[Way] = BY_DEFAULT

    @property
    def shop(self) -> Shop:
        return Shop(self.java, self.place.name, self.namespace, self.table)

    def seats(self, do: str, own: Callable[[str, int], Row], **fields: Any) -> list[Seat]:
        """Two of Python, one of Java; `own` are the fields of one process, by name and number."""
        sides = [("python-1", PythonPlayer), ("python-2", PythonPlayer), ("java", JavaPlayer)]
        pace = PACES.get(self.place.name, Pace())
        fields |= {"namespace": self.namespace, "table": self.table, "threads": pace.tasks}

        def seat(number: int, name: str, kind: Callable[..., Player]) -> Seat:
            of_java = kind is JavaPlayer

            def begin(life: int) -> Player:
                mine = number + life * len(sides)
                way = self.ways[(life + number) % len(self.ways)]
                given = {**fields, "seed": mine, **own(f"{name}-{life}", mine)}
                if not of_java:
                    given["clock_ahead_ms"] = way.clock_ahead_ms
                properties = {**self.place.properties, **(way.java if of_java else way.python)}
                return kind(do, properties, given, self.folder / f"{name}.log")

            return Seat(begin, pace.java_lives_seconds if of_java else pace.python_lives_seconds)

        return [seat(number, *side) for number, side in enumerate(sides)]

    def file(self, process: str) -> str:
        """Where a process writes down what it does."""
        return str(self.folder / f"{process}.jsonl")

    def lines(self, side: str) -> list[Row]:
        """What the processes of a side wrote; kills may have cut last lines."""
        return [
            json.loads(line)
            for file in sorted(self.folder.glob(f"{side}*.jsonl"))
            for line in file.read_text().split("\n")[:-1]
        ]

    def check_errors(self, killed: int) -> None:
        """Say how often each side was told what; the Python side nothing that is a mistake."""
        print(f"{killed} killed")
        for side in ("python", "java"):
            lines = self.lines(side)
            kinds = Counter(line["type"] for line in lines)
            errors = Counter(line.get("error", "").partition(":")[0] for line in lines)
            print(side, dict(kinds), dict(errors))
            assert set(errors) <= LOSSES

    @asynccontextmanager
    async def engine(self) -> AsyncIterator[ConsensusCommit]:
        """The Python side, in this process."""
        engine = open_engine(load(self.place.properties))
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
