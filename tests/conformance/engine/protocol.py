"""Transactions that stop half way, as a process that dies leaves them, and what is on disk then."""

from typing import Any

from infra.engine.consensus import ConsensusCommit
from infra.engine.table import COMMITTED, DELETED, PREPARED, Table
from tests.conformance.engine.cases import APPLE, STOCK, stored

#: Longer ago than a transaction lives.
LONG_AGO_MS = 20_000
OLD, NEW = (*APPLE, 3, "a"), (*APPLE, 9, "b")
#: What a transaction may do to the apple: its row before, and its state when prepared.
ACTS: dict[str, tuple[Any, int]] = {
    "update": (OLD, PREPARED),
    "insert": (None, PREPARED),
    "delete": (OLD, DELETED),
    "delete nothing": (None, DELETED),
}
#: What the coordinator may say of it.
SAYS = ("committed", "aborted", "nothing", "nothing for long")


class Clock:
    """A clock that goes as the test wants."""

    def __init__(self) -> None:
        self.now = 1_700_000_000_000

    def __call__(self) -> int:
        self.now += 1
        return self.now


async def left(engine: ConsensusCommit, clock: Clock, act: str, says: str) -> str:
    """An apple in the hands of a transaction that went no further; its id."""
    if ACTS[act][0]:
        await stored(engine, ACTS[act][0])
    dead = engine.participate()
    await dead.batch.fetch({STOCK: [APPLE]})
    if act in ("update", "insert"):
        dead.batch.put(STOCK, NEW)
    elif act == "delete":
        dead.batch.delete(STOCK, APPLE)
    else:
        dead.batch.keep_absent(STOCK, APPLE)
    await dead.prepare()
    if says == "committed":
        await engine.coordinator.commit(dead.id)
    elif says == "aborted":
        await engine.coordinator.abort_own(dead.id)
    elif says == "nothing for long":
        clock.now += LONG_AGO_MS
    return dead.id


def outcome(act: str, says: str) -> Any:
    """The values of the apple, or None, as everybody must see it then."""
    if says == "committed":
        return NEW if act in ("update", "insert") else None
    return ACTS[act][0]


async def on_disk(engine: ConsensusCommit, table: Table = STOCK, key: Any = APPLE) -> Any:
    """The row with all its columns, or None."""
    return (await engine.storage_of(table).images(table, [key])).get(key)


def is_whole(image: Any) -> bool:
    """Whether a row is committed and keeps nothing of before."""
    befores = [value for name, value in image.items() if name.startswith("before_")]
    return image["tx_state"] == COMMITTED and befores == [None] * len(befores)
