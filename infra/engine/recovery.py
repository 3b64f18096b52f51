"""Lazy recovery: what a row that somebody is writing means, and its end if its writer is gone."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from contextlib import suppress

from infra.engine.coordinator import Coordinator, State
from infra.engine.engine import Isolation
from infra.engine.errors import Conflict, EngineError, Uncommitted
from infra.engine.images import after, before, has_before, is_committed, is_expired
from infra.engine.storage import Ending, Image, Pending, Storage
from infra.engine.table import COMMITTED, DELETED, PREPARED, Key, Record, Table

#: Rounds of one resolution; each follows one more writer of the row (ScalarDB's constant).
RESOLUTION_ATTEMPTS_MAX_COUNT = 5

Place = tuple[Table, Key]


class Recovery:
    """Resolves rows by asking the coordinator; aborts transactions that have expired."""

    def __init__(
        self,
        storage_of: Callable[[Table], Storage],
        coordinator: Coordinator,
        clock: Callable[[], int],
    ) -> None:
        self._storage_of = storage_of
        self._coordinator = coordinator
        self._clock = clock

    async def resolve(
        self, pending: Iterable[Pending], isolation: Isolation, read_only: bool
    ) -> dict[Place, Record | None]:
        """The image of each of these rows that is committed now; None where there is no row.

        Raises Uncommitted while a writer may still decide (never at READ_COMMITTED).
        """
        places = {(row.table, row.key) for row in pending}
        if isolation is not Isolation.READ_COMMITTED:
            return await self._decided(places)
        images = await self._images(places)
        answers = {place: _last_committed(place[0], images.get(place)) for place in places}
        if not read_only:
            with suppress(EngineError):  # its answer does not depend on it
                await self._decided(places)
        return answers

    async def recover(self, table: Table, key: Key) -> None:
        """Finish the row if its writer is decided or dead; harmless otherwise."""
        with suppress(Uncommitted):
            await self._decided({(table, key)})

    async def _decided(self, places: set[Place]) -> dict[Place, Record | None]:
        answers: dict[Place, Record | None] = {}
        for _ in range(RESOLUTION_ATTEMPTS_MAX_COUNT):
            images = await self._images(places)
            round_ = _Round(self._coordinator, self._clock())
            for place in places:
                await round_.judge(place, images.get(place))
            await self._finish(round_)
            if round_.undecided:
                raise round_.undecided
            answers |= round_.answers
            places -= round_.answers.keys()
            if not places:
                return answers
        table, key = next(iter(places))
        raise Conflict(f"{table.full_name} {key!r} is written again and again")

    async def _images(self, places: Iterable[Place]) -> dict[Place, Image]:
        wanted = defaultdict(list)
        for table, key in places:
            wanted[table].append(key)
        found: dict[Place, Image] = {}
        for table, keys in wanted.items():
            images = await self._storage_of(table).images(table, keys)
            found.update(((table, key), image) for key, image in images.items())
        return found

    async def _finish(self, round_: "_Round") -> None:
        for (tx_id, table), (state, ending) in round_.endings.items():
            committed_at = state.created_at if state.state == COMMITTED else None
            with suppress(EngineError):  # somebody else will finish it
                await self._storage_of(table).finish(tx_id, [ending], committed_at)


class _Round:
    """One look at some rows; the state of each writer is asked for once."""

    def __init__(self, coordinator: Coordinator, now: int) -> None:
        self.answers: dict[Place, Record | None] = {}
        self.endings: dict[tuple[str, Table], tuple[State, Ending]] = {}
        self.undecided: Uncommitted | None = None
        self._states: dict[str, State | None] = {}
        self._coordinator = coordinator
        self._now = now

    async def judge(self, place: Place, image: Image | None) -> None:
        """Answer for a row, or abort its writer, so that the next round can."""
        table, key = place
        if image is None or is_committed(image):
            self.answers[place] = after(table, image) if image else None
            return
        tx_id = str(image["tx_id"])
        known = image["tx_state"] in (PREPARED, DELETED)
        state = await self._state(tx_id) if known else None
        if state:
            self._settle(place, image, tx_id, state)
        elif known and is_expired(image, self._now):
            await self._coordinator.abort(tx_id)
            self._states.pop(tx_id)
        else:
            self.undecided = Uncommitted(
                f"{table.full_name} {key!r}: transaction {tx_id} is writing it"
            )

    def _settle(self, place: Place, image: Image, tx_id: str, state: State) -> None:
        table, key = place
        if state.state == COMMITTED:
            stays = image["tx_state"] == PREPARED
            self.answers[place] = after(table, image) if stays else None
        else:
            stays = has_before(image)
            self.answers[place] = before(table, image)
        default = state, Ending(table, [], [])
        ending = self.endings.setdefault((tx_id, table), default)[1]
        (ending.stay if stays else ending.go).append(key)

    async def _state(self, tx_id: str) -> State | None:
        if tx_id not in self._states:
            self._states[tx_id] = await self._coordinator.state_of(tx_id)
        return self._states[tx_id]


def _last_committed(table: Table, image: Image | None) -> Record | None:
    if image is None:
        return None
    return after(table, image) if is_committed(image) else before(table, image)
