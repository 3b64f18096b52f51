"""The matrix of both engines over the same rows, as data: what must run, and what did."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import product
from typing import NamedTuple


class Cell(NamedTuple):
    """One combination; `direction` says who made the state, and who then operates on it."""

    storage: str
    operation: str
    state: str
    isolation: str
    direction: str

    def __str__(self) -> str:
        return " | ".join(self)


class Label(NamedTuple):
    """What only a test knows of its cells. Each engine adds the operations that it executes, and
    their isolation; `meaning` says what these stand for, where it is not their names."""

    storage: str
    state: str
    direction: str
    isolation: str | None = None
    meaning: Mapping[str, str] | None = None

    def cells(self, operations: Iterable[str], isolation: str) -> set[Cell]:
        """The cells in which these operations were executed."""
        meant = [self.meaning.get(o) if self.meaning else o for o in operations]
        level = self.isolation or isolation
        return {Cell(self.storage, o, self.state, level, self.direction) for o in meant if o}


STORAGES = ("postgres", "sqlite", "cassandra")
ISOLATIONS = ("SNAPSHOT", "SERIALIZABLE", "READ_COMMITTED")
DIRECTIONS = ("java after python", "python after java")

#: What a transaction did to a row before it stopped, prepared.
ACTS = ("insert", "update", "delete", "delete of nothing")
#: How the transaction stands at the coordinator.
STANDS = (
    "committed",
    "aborted",
    "undecided",
    "expired",
    "group committed",
    "group aborted",
    "group delayed",
    "group's row aborted",
    "group expired",
    "group went without it, expired",
)
LEFT_OPERATIONS = ("get", "get read-only", "scan", "index", "all", "upsert", "delete")

#: Scans over a partition in which all rows that can be decided were left.
MIXED = "every state in one partition"
MIXED_SCANS = ("scan limit", "scan reversed limit", "scan range", "scan where")

COMMITTED_STATES = ("committed", "in one phase", "in a group", "deemed committed")
READS = (
    "get",
    "get where",
    "scan",
    "scan reversed",
    "scan range",
    "scan limit",
    "scan where",
    "index",
    "index where",
    "all",
    "all where",
)
WRITES = ("insert", "upsert", "update", "update where", "put if", "delete", "delete where")

TYPES = (
    "BOOLEAN",
    "INT",
    "BIGINT",
    "FLOAT",
    "DOUBLE",
    "TEXT",
    "BLOB",
    "DATE",
    "TIME",
    "TIMESTAMP",
    "TIMESTAMPTZ",
)
#: What is done with a column of each type.
TYPE_OPERATIONS = ("value", "key", "order", "condition", "overwrite")

ADMIN = ("create table", "add column", "coordinator", "repair coordinator", "drop table")
ADMIN_POSTGRES = ("import table",)


def types_of(storage: str) -> list[str]:
    """The types that a storage has: Cassandra lacks one."""
    return [kind for kind in TYPES if storage != "cassandra" or kind != "TIMESTAMP"]


def left_states() -> list[str]:
    return [f"{act}, {stand}" for stand, act in product(STANDS, ACTS)]


def declared() -> Iterator[Cell]:
    """Every cell that must run."""
    for storage, isolation, direction in product(STORAGES, ISOLATIONS, DIRECTIONS):
        rest = isolation, direction
        for operation, state in product(LEFT_OPERATIONS, left_states()):
            yield Cell(storage, operation, state, *rest)
        for operation in MIXED_SCANS:
            yield Cell(storage, operation, MIXED, *rest)
        for operation, state in product(READS + WRITES, COMMITTED_STATES):
            yield Cell(storage, operation, state, *rest)
        for operation, kind in product(TYPE_OPERATIONS, types_of(storage)):
            yield Cell(storage, operation, kind, *rest)
    for storage, direction in product(STORAGES, DIRECTIONS):
        for operation in ADMIN + (ADMIN_POSTGRES if storage == "postgres" else ()):
            yield Cell(storage, operation, "admin", "any", direction)


#: The cells whose test got to its end in this session.
PASSED: set[Cell] = set()
#: The cells whose operation our engine executed; Java's driver keeps its own.
EXECUTED: set[Cell] = set()


def missing(reported: Iterable[str], passed: Iterable[Cell]) -> list[str]:
    """The declared cells that did not pass here, or that the Java side knows nothing of."""
    ran = {*map(str, passed)} & {*reported}
    return sorted({*map(str, declared())} - ran)
