"""Conditional writes by partition: Cassandra writes rows of one partition all or nothing."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from infra.engine.cassandra.connection import Connection, all_of
from infra.engine.cassandra.statements import Step
from infra.engine.storage import lost
from infra.engine.table import Key, Table

#: Rows of one batch where it need not be whole: more of them make the partition's others wait.
BATCH_MAX_ROWS = 100
#: Rows of one partition that are written all or nothing; Paxos keeps them once more.
UNIT_MAX_ROWS = 1_000


async def write_whole(
    connection: Connection, table: Table, steps: Sequence[Step], tx_id: str
) -> None:
    """All steps on one partition or none; Conflict names the first row that stands against it."""
    found = await connection.write([step.statement for step in steps], tx_id)
    if found is not None:
        key = steps[0].key if len(steps) == 1 else _lost(table, steps, found)
        raise lost(table, key, "was written by another transaction")


async def write_each(
    connection: Connection, table: Table, steps: Iterable[Step], tx_id: str
) -> None:
    """Partition by partition at the same time; returns or raises when all are answered."""
    await all_of([_in_turn(connection, table, mine, tx_id) for mine in _partitions(table, steps)])


async def finish_each(
    connection: Connection, table: Table, steps: Iterable[Step], tx_id: str
) -> None:
    """The same for rows that somebody else may have finished before: these are left alone."""
    await all_of([_finish(connection, mine, tx_id) for mine in _partitions(table, steps)])


async def _in_turn(connection: Connection, table: Table, steps: Sequence[Step], tx_id: str) -> None:
    for part in _parts(steps):
        await write_whole(connection, table, part, tx_id)


async def _finish(connection: Connection, steps: Sequence[Step], tx_id: str) -> None:
    for part in _parts(steps):
        found = await connection.write([step.statement for step in part], tx_id)
        if found is not None and len(part) > 1:
            for step in part:
                await connection.write([step.statement], tx_id)


def _partitions(table: Table, steps: Iterable[Step]) -> list[list[Step]]:
    found: dict[Key, list[Step]] = defaultdict(list)
    for step in steps:
        found[step.key[: len(table.partition)]].append(step)
    return list(found.values())


def _parts(steps: Sequence[Step]) -> list[Sequence[Step]]:
    return [steps[at : at + BATCH_MAX_ROWS] for at in range(0, len(steps), BATCH_MAX_ROWS)]


def _lost(table: Table, steps: Sequence[Step], found: list[Mapping[str, Any]]) -> Key:
    """The first row that is not as its step's condition has it; absent ones are not in `found`."""
    rows = {tuple(row.get(column) for column in table.keys): row for row in found}
    for step in steps:
        row = rows.get(step.key)
        if step.conditions is None:
            if row is not None:
                return step.key
        elif row is None or any(row[c] != value for c, value in step.conditions.items()):
            return step.key
    return steps[0].key
