"""Lists that transactions read and append to: what the Java driver's `append` does."""

import random
import time
from itertools import count
from pathlib import Path
from typing import Any

from infra.engine.buffered import BufferedTransaction
from infra.engine.consensus import ConsensusCommit
from infra.engine.table import Table
from tests.mixed.run import Ask, Run

MOST_OPERATIONS = 4
#: New keys so often, by the clock: a list stays short, and processes meet on the same keys.
ROTATION_MILLIS = 500
MOST_ROTATIONS = 1_000_000
TYPES = {"committed": "ok", "aborted": "fail", "unknown": "info"}

Operation = list[Any]


async def append(engine: ConsensusCommit, ask: Ask) -> Ask:
    """Reads and appends until the input ends; the history has a line at each begin and end."""
    run = Run(engine, ask, Path(ask["history"]))
    lists = await run.table("table")
    numbers = count(ask["first"], ask["apart"])

    async def step(task: int, chance: random.Random) -> str:
        wanted = _operations(chance, ask["keys"], numbers)
        process = f"{ask['process']}-{task}"
        run.write(process=process, type="invoke", time=time.monotonic_ns(), tx=None, value=wanted)
        tx = run.begin()
        done: list[Operation] = []

        async def work() -> None:
            done.extend([await _perform(tx, lists, operation) for operation in wanted])

        outcome, error = await run.attempt(tx, work())
        value = done if outcome == "committed" else wanted
        run.write(
            process=process, type=TYPES[outcome], time=time.monotonic_ns(), tx=tx.id,
            value=value, error=error,
        )  # fmt: skip
        return outcome

    return await run.tasks(step)


def _operations(chance: random.Random, keys: int, numbers: "count[int]") -> list[Operation]:
    rotation = time.time_ns() // 1_000_000 // ROTATION_MILLIS % MOST_ROTATIONS
    wanted: list[Operation] = []
    for _ in range(chance.randint(1, MOST_OPERATIONS)):
        key = rotation * keys + chance.randrange(keys)
        wanted.append(["append", key, next(numbers)] if chance.random() < 0.5 else ["r", key, None])
    return wanted


async def _perform(tx: BufferedTransaction, lists: Table, operation: Operation) -> Operation:
    kind, key, number = operation
    await tx.fetch({lists: [(key,)]})
    text = _text(tx, lists, key)
    if kind == "r":
        return ["r", key, [int(value) for value in text.split(",")] if text else []]
    tx.put(lists, (key, f"{text},{number}" if text else str(number)))
    return operation


def _text(tx: BufferedTransaction, lists: Table, key: int) -> str:
    """The list with the transaction's own appends, which `seen` does not show."""
    rows = tx.work.rows(lists)
    if written := rows.updated.get((key,)) or rows.inserted.get((key,)):
        return str(written[1])
    record = tx.seen(lists, (key,))
    return str(record.values[1]) if record else ""
