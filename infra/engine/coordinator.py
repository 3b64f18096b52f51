"""The coordinator's table: one row per decided transaction, written once, the first one wins."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import NamedTuple, TypeVar

from infra.engine.errors import (
    Conflict,
    EngineError,
    LockedOut,
    SchemaMismatch,
    Unavailable,
    UnknownOutcome,
)
from infra.engine.storage import Storage
from infra.engine.table import ABORTED, COMMITTED, Table, Type, Value

T = TypeVar("T")

#: The coordinator's table, in a namespace that the settings name.
STATE = "state"
#: Its columns as ScalarDB makes them; the one for groups is there only where they are used.
COLUMNS = {
    "tx_id": Type.TEXT,
    "tx_child_ids": Type.TEXT,
    "tx_state": Type.INT,
    "tx_created_at": Type.BIGINT,
}
CHILDREN = "tx_child_ids"
#: Characters of a group's own key, before the `$` and the key of the member.
PARENT_CHARS = 24
#: How often, and after how many seconds, a storage in trouble is asked again (ScalarDB's numbers).
RETRY_WAITS_S = (0.05, 0.1, 0.2, 0.4)

_TROUBLE = (LockedOut, Unavailable, UnknownOutcome, Conflict)


class State(NamedTuple):
    """What was decided, and when, in epoch milliseconds: the commit time of all its records."""

    state: int
    created_at: int


def parent_of(tx_id: str) -> str | None:
    """The group that this transaction id belongs to, if it does."""
    grouped = len(tx_id) > PARENT_CHARS and tx_id[PARENT_CHARS] == "$"
    return tx_id[:PARENT_CHARS] if grouped else None


class Coordinator:
    """Asks and writes the states of transactions, Java's groups included."""

    def __init__(self, storage: Storage, namespace: str, clock: Callable[[], int]) -> None:
        self.storage = storage
        self.namespace = namespace
        self._clock = clock
        self._table: Table | None = None

    async def state_of(self, tx_id: str) -> State | None:
        """What was decided about a transaction; None if nothing was yet."""
        if parent := parent_of(tx_id):
            found = await self._row(parent)
            if found and _lists(found, tx_id):
                return found[0]
        found = await self._row(tx_id)
        return found[0] if found else None

    async def commit(self, tx_id: str, children: Sequence[str] = ()) -> State:
        """Decide for COMMITTED, unless it was decided before; what counts is returned.

        Raises UnknownOutcome where no answer could be had: nobody may roll back then.
        """
        try:
            return await self._decide(tx_id, COMMITTED, children)
        except EngineError as error:
            if isinstance(error, SchemaMismatch):
                raise
            raise UnknownOutcome(f"the state of {tx_id} is unknown: {error}", tx_id) from error

    async def abort(self, tx_id: str) -> State:
        """Decide for ABORTED, whoever's transaction it is, unless it was decided before.

        A group's own row goes first, so that the group cannot commit with this member later.
        """
        if parent := parent_of(tx_id):
            await self._put(parent, ABORTED, ())
            found = await self._row(parent)
            if found and _lists(found, tx_id):
                return found[0]
        return await self._decide(tx_id, ABORTED, ())

    async def abort_own(self, tx_id: str) -> State:
        """Decide for ABORTED for a transaction that its own group no longer waits for."""
        return await self._decide(tx_id, ABORTED, ())

    async def table(self) -> Table:
        """The table as it is on disk, groups or not."""
        if self._table is None:
            described = partial(self.storage.describe, self.namespace, STATE)
            self._table = await self._patiently(described)
        if self._table is None:
            raise SchemaMismatch(
                f"{self.namespace}.{STATE} does not exist; create it with"
                " engine.admin.create_coordinator_tables(), or Java's admin"
            )
        return self._table

    async def check_table(self, *, grouped: bool) -> None:
        """SchemaMismatch unless the table is there, for groups with the column they need."""
        _check_groups(await self.table(), grouped=grouped)

    def forget_table(self) -> None:
        """Look again what the table is like."""
        self._table = None

    async def _decide(self, tx_id: str, state: int, children: Sequence[str]) -> State:
        written = await self._put(tx_id, state, children)
        if written:
            return written
        if found := await self._row(tx_id):
            return found[0]
        # Only what was aborted is ever cleaned away.
        return State(ABORTED, self._clock())

    async def _put(self, tx_id: str, state: int, children: Sequence[str]) -> State | None:
        table, now = await self.table(), self._clock()
        values: dict[str, Value] = {"tx_id": tx_id, "tx_state": state, "tx_created_at": now}
        _check_groups(table, grouped=bool(children))
        if children:
            values[CHILDREN] = ",".join(children)
        row = tuple(values.get(column) for column in table.columns)
        done = await self._patiently(lambda: self.storage.put_if_absent(table, row))
        return State(state, now) if done else None

    async def _row(self, tx_id: str) -> tuple[State, Sequence[str]] | None:
        table = await self.table()
        rows = await self._patiently(lambda: self.storage.plain_rows(table, [(tx_id,)]))
        if not rows:
            return None
        row = dict(zip(table.columns, rows[0], strict=True))
        state, created_at = row["tx_state"], row["tx_created_at"]
        if not isinstance(state, int) or not isinstance(created_at, int) or not created_at:
            raise EngineError(f"{table.full_name} {tx_id!r} is damaged: {row}")
        children = str(row.get(CHILDREN) or "")
        return State(state, created_at), children.split(",") if children else ()

    async def _patiently(self, ask: Callable[[], Awaitable[T]]) -> T:
        for wait in RETRY_WAITS_S:
            with suppress(*_TROUBLE):
                return await ask()
            await asyncio.sleep(wait)
        return await ask()


def _check_groups(table: Table, *, grouped: bool) -> None:
    if grouped and CHILDREN not in table.columns:
        raise SchemaMismatch(
            f"{table.full_name} has no column {CHILDREN}, which group commit needs; add it"
            " with engine.admin.repair_coordinator_tables(), or Java's admin"
        )


def _lists(found: tuple[State, Sequence[str]], tx_id: str) -> bool:
    return tx_id[PARENT_CHARS + 1 :] in found[1]
