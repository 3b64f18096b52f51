"""Group commit: several transactions share one row of the coordinator, in ScalarDB's format."""

import asyncio
import secrets
import string

from infra.engine.config.settings import GroupCommitOptions
from infra.engine.coordinator import PARENT_CHARS, Coordinator, State, parent_of
from infra.engine.errors import SchemaMismatch, UnknownOutcome
from infra.engine.metrics import METRICS
from infra.engine.table import COMMITTED

_ALPHABET = string.ascii_letters + string.digits


class _Group:
    """Slots under one parent key. Each is waited for until it is ready, leaves, or is too late."""

    def __init__(self) -> None:
        self.parent = "".join(secrets.choice(_ALPHABET) for _ in range(PARENT_CHARS))
        self.waiting: set[str] = set()
        self.ready: dict[str, asyncio.Future[State]] = {}
        self.count = 0
        self.timers: list[asyncio.TimerHandle] = []
        self.emitted = False

    def child(self, tx_id: str) -> str:
        return tx_id[PARENT_CHARS + 1 :]


class Groups:
    """The open group and those that wait for slow members.

    A slot is taken when a commit begins, not when its transaction does, so nobody waits for
    somebody who is still thinking. A group is written as soon as all who are in it are ready: one
    that is alone waits for nobody.
    """

    def __init__(self, coordinator: Coordinator, options: GroupCommitOptions) -> None:
        self._coordinator = coordinator
        self._options = options
        self._open: _Group | None = None
        self._groups: dict[str, _Group] = {}
        self._writing: set[asyncio.Task[None]] = set()

    def reserve(self, tx_id: str) -> str:
        """A slot, and with it the transaction's full id, which its records will carry."""
        group = self._open or self._new()
        full = f"{group.parent}${tx_id}"
        group.waiting.add(full)
        group.count += 1
        if group.count >= self._options.slot_capacity:
            self._open = None
        return full

    async def commit(self, tx_id: str) -> State:
        """Ready: wait until the group's row is written. Alone if the group has gone without it."""
        group = self._groups.get(parent_of(tx_id) or "")
        if group is None or tx_id not in group.waiting:
            return await self._coordinator.commit(tx_id)
        group.waiting.discard(tx_id)
        written: asyncio.Future[State] = asyncio.get_running_loop().create_future()
        group.ready[tx_id] = written
        self._emit_if_complete(group)
        return await written

    def leave(self, tx_id: str) -> None:
        """Give the slot back: this transaction will not commit."""
        if group := self._groups.get(parent_of(tx_id) or ""):
            group.waiting.discard(tx_id)
            self._emit_if_complete(group)

    def _new(self) -> _Group:
        group, later = _Group(), asyncio.get_running_loop().call_later
        self._open = self._groups[group.parent] = group
        for ms, due in (
            (self._options.group_size_fix_timeout_millis, self._fix),
            (self._options.delayed_slot_move_timeout_millis, self._go_without_the_slow),
            (self._options.old_group_abort_timeout_millis, self._drop),
        ):
            group.timers.append(later(ms / 1000, due, group))
        return group

    def _fix(self, group: _Group) -> None:
        """No newcomers any more."""
        if self._open is group:
            self._open = None

    def _go_without_the_slow(self, group: _Group) -> None:
        """Who is not ready by now commits alone, under its full id."""
        if group.ready:
            group.waiting.clear()
            self._emit_if_complete(group)
        else:
            wait = self._options.delayed_slot_move_timeout_millis / 1000
            timer = asyncio.get_running_loop().call_later(wait, self._go_without_the_slow, group)
            group.timers.append(timer)

    def _drop(self, group: _Group) -> None:
        """Nobody became ready in all this time; who still does commits alone."""
        self._fix(group)
        group.waiting.clear()
        self._emit_if_complete(group)

    def _emit_if_complete(self, group: _Group) -> None:
        if group.waiting or group.emitted:
            return
        if not group.ready and self._open is group:
            return  # those who left make room for others
        group.emitted = True
        self._fix(group)
        for timer in group.timers:
            timer.cancel()
        del self._groups[group.parent]
        if group.ready:
            task = asyncio.ensure_future(self._emit(group))
            self._writing.add(task)
            task.add_done_callback(self._writing.discard)

    async def _emit(self, group: _Group) -> None:
        children = [group.child(tx_id) for tx_id in group.ready]
        METRICS.grouped(len(children))
        try:
            state = await self._coordinator.commit(group.parent, children)
        except SchemaMismatch as error:  # nothing was written
            for written in group.ready.values():
                written.set_exception(SchemaMismatch(str(error)))
            return
        except Exception as error:  # a bug's, too: nobody is left waiting for ever
            for tx_id, written in group.ready.items():
                unknown = UnknownOutcome(str(error) or repr(error), tx_id)
                unknown.__cause__ = error
                written.set_exception(unknown)
            return
        if state.state == COMMITTED:
            for written in group.ready.values():
                written.set_result(state)
            return
        await asyncio.gather(*(self._alone(tx_id, w) for tx_id, w in group.ready.items()))

    async def _alone(self, tx_id: str, written: "asyncio.Future[State]") -> None:
        """Somebody took the group for dead, because of one member; the others decide each for
        itself under its full id, which counts where the group's row does not list it."""
        try:
            state = await self._coordinator.commit(tx_id)
        except Exception as error:
            written.set_exception(error)
        else:
            written.set_result(state)
