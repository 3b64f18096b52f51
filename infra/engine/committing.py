"""Commit: in one phase where one storage can, else prepare, validate, commit state and records."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Coroutine, Iterable
from contextlib import suppress
from typing import Any, TypeVar

from infra.engine import validation
from infra.engine.buffered import BufferedTransaction
from infra.engine.config.settings import CommitOptions
from infra.engine.coordinator import Coordinator, State
from infra.engine.engine import Isolation
from infra.engine.errors import (
    Conflict,
    EngineError,
    Unavailable,
    UnknownOutcome,
    WriteRefused,
)
from infra.engine.fitting import check_ranges
from infra.engine.grouping import Groups
from infra.engine.recovery import Recovery
from infra.engine.storage import Change, Ending, Storage
from infra.engine.table import COMMITTED, Table

T = TypeVar("T")
Parts = dict[Storage, list[Change]]


class Committing:
    """The steps of a commit, for whoever needs them one by one, and all of them in order."""

    def __init__(
        self,
        storage_of: Callable[[Table], Storage],
        coordinator: Coordinator,
        recovery: Recovery,
        options: CommitOptions,
        clock: Callable[[], int],
    ) -> None:
        self._storage_of = storage_of
        self._coordinator = coordinator
        self._recovery = recovery
        self._options = options
        self._clock = clock
        grouped = options.group_commit
        self.groups = Groups(coordinator, grouped) if grouped.enabled else None
        #: What goes on when its caller has gone; a commit under way always gets to its end.
        self._under_way: set[asyncio.Task[Any]] = set()

    async def commit(self, tx: BufferedTransaction) -> int:
        """Commit everything that the transaction wrote; the commit time in epoch milliseconds."""
        try:
            parts = self.parts(tx)
        except WriteRefused:
            await tx.release()
            raise
        extra = tx.isolation is Isolation.SERIALIZABLE and validation.is_needed(tx.work)
        if not parts and not extra:
            if not self._options.write_omission_on_read_only:
                await self._coordinator.commit(tx.id)
            return await tx.release()
        if len(parts) == 1 and not extra and self._options.one_phase_commit:
            ((storage, changes),) = parts.items()
            if storage.is_one_unit(changes) and not any(change.absent for change in changes):
                return await self._retaking(tx.write(storage, changes))
        if any(change.discards for changes in parts.values() for change in changes):
            await tx.read_discards()
            parts = self.parts(tx)
        return await self._retaking(self._to_the_end(self._by_consensus(tx, parts, extra)))

    async def _retaking(self, work: Coroutine[Any, Any, int]) -> int:
        """After a conflict the row is read, and so recovered: an insert that meets what a dead
        writer left would conflict for ever, for it never reads."""
        try:
            return await work
        except Conflict as conflict:
            if conflict.place:
                with suppress(EngineError):
                    await self._recovery.recover(*conflict.place)
            raise

    def parts(self, tx: BufferedTransaction) -> Parts:
        """What is to be written, storage by storage; WriteRefused before anything is."""
        parts: Parts = defaultdict(list)
        changes = tx.work.changes()
        check_ranges(changes)
        for change in changes:
            parts[self._storage_of(change.table)].append(change)
        return parts

    async def _by_consensus(self, tx: BufferedTransaction, parts: Parts, extra: bool) -> int:
        if self.groups and parts:
            tx.id = self.groups.reserve(tx.id)
        await self.prepare(tx, parts)
        if extra:
            await self.validate(tx, parts)
        await tx.release()
        if not parts:
            if not self._options.write_omission_on_read_only:
                await self._coordinator.commit(tx.id)
            return self._clock()
        return await self.decide(tx, parts)

    async def prepare(self, tx: BufferedTransaction, parts: Parts) -> None:
        """Every row PREPARED or DELETED; after an error the transaction is aborted."""
        try:
            if parts:  # or the rows would wait for a decision that cannot be written
                await self._coordinator.check_table(grouped=self.groups is not None)
            at = self._clock()
            work = [tx.session(storage).prepare(tx.id, parts[storage], at) for storage in parts]
            await self._all(work, self._options.parallel_preparation)
        except EngineError as error:
            await self.abort(tx, parts)
            if isinstance(error, UnknownOutcome):  # of a preparation, which is undone now
                raise Unavailable(str(error)) from error
            raise

    async def validate(self, tx: BufferedTransaction, parts: Parts) -> None:
        """Read again what was only read; after an error the transaction is aborted."""
        checks = validation.checks(tx.work, tx.id, self._storage_of)
        try:
            await self._all(checks, self._options.parallel_validation)
        except EngineError:
            await self.abort(tx, parts)
            raise

    async def decide(self, tx: BufferedTransaction, parts: Parts) -> int:
        """The commit point; then the records. Raises Conflict if somebody aborted it before."""
        if self.groups:
            state = await self.groups.commit(tx.id)
        else:
            state = await self._coordinator.commit(tx.id)
        committed = state.state == COMMITTED
        later = self._options.async_commit if committed else self._options.async_rollback
        await self._finish(tx.id, parts, state, later)
        if not committed:
            raise Conflict(f"transaction {tx.id} was aborted by another one")
        return state.created_at

    async def abort(self, tx: BufferedTransaction, parts: Parts) -> None:
        """Decide for the abort and give every row back; what cannot be done, others will do."""
        await tx.release()
        if self.groups:
            self.groups.leave(tx.id)
        if not parts and self._options.write_omission_on_read_only:
            return
        with suppress(EngineError):
            state = await self._coordinator.abort_own(tx.id)
            await self._finish(tx.id, parts, state, self._options.async_rollback)

    async def _finish(self, tx_id: str, parts: Parts, state: State, later: bool) -> None:
        committed = state.state == COMMITTED
        work = [
            storage.finish(
                tx_id,
                [ending(change, committed) for change in changes],
                state.created_at if committed else None,
            )
            for storage, changes in parts.items()
        ]
        parallel = self._options.parallel_commit if committed else self._options.parallel_rollback

        async def finishing() -> None:
            with suppress(EngineError):  # lazy recovery will do it
                await self._all(work, parallel)

        if later:
            self._spawn(finishing())
        else:
            await finishing()

    async def _all(self, work: Iterable[Coroutine[Any, Any, T]], parallel: bool) -> None:
        """Waits for all of them even if one fails, so that nothing is late; raises the first."""
        work = list(work)
        if len(work) == 1:
            await work[0]
        elif parallel:
            found = await asyncio.gather(*work, return_exceptions=True)
            errors = [error for error in found if isinstance(error, BaseException)]
            if errors:
                raise min(errors, key=lambda error: not isinstance(error, Conflict))
        else:
            for at, one in enumerate(work):
                try:
                    await one
                except BaseException:
                    for later in work[at + 1 :]:
                        later.close()
                    raise

    async def _to_the_end(self, work: Coroutine[Any, Any, T]) -> T:
        return await asyncio.shield(self._spawn(work))

    def _spawn(self, work: Coroutine[Any, Any, T]) -> "asyncio.Task[T]":
        task = asyncio.ensure_future(work)
        self._under_way.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: "asyncio.Task[Any]") -> None:
        self._under_way.discard(task)
        if not task.cancelled():
            task.exception()  # its caller may have gone; it is no news to anybody else

    async def close(self) -> None:
        """Wait for what is under way."""
        while self._under_way:
            await asyncio.wait(set(self._under_way))


def ending(change: Change, committed: bool) -> Ending:
    """How the rows of a change end: what was put stays at commit, what was there at rollback."""
    width = change.table.key_width
    put = [row[:width] for row in change.updates]
    new = [row[:width] for row in change.inserts]
    deleted = [row[:width] for row in change.deletes]
    if committed:
        return Ending(change.table, new + put, deleted + change.absent)
    return Ending(change.table, put + deleted, new + change.absent)
