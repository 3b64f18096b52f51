"""The machinery with one rule taken out, and the seed that notices.

`python -m tests.simulation.mutants` prints them all. Each mutant is a patch of product code; the
same seeds pass without it.
"""

import argparse
import logging
import multiprocessing
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from typing import Any, NamedTuple
from unittest import mock

from compensations.ledger import Entry, State, Verdict, may_do, may_undo
from infra.engine.errors import UnknownOutcome
from infra.observe import log_to
from streams import lane, parked, perform, system, worker
from streams.envelope import Envelope
from streams.handle import Handler
from streams.perform import Performance
from streams.relay import Relay
from streams.workspace import Workspace
from streams.writes import Writes
from tests.simulation.host import running_host
from tests.simulation.world import World, seeded

#: Seeds that a mutant may survive before it counts as not caught.
SEEDS_COUNT = 40
ORDERS_COUNT = 40

Patch = tuple[Any, str, Any]


def no_ledger() -> Patch:
    return perform, "may_do", lambda entry, heard, digest: Verdict.RUN


def no_tombstone() -> Patch:
    def may(entry: Entry | None, heard: Any, digest: str | None) -> Verdict:
        forbidden = entry is not None and entry.state == State.FORBIDDEN
        return Verdict.RUN if forbidden else may_do(entry, heard, digest)

    return perform, "may_do", may


def undo_runs_again() -> Patch:
    def may(entry: Entry | None) -> Verdict:
        undone = entry is not None and entry.state == State.UNDONE
        return Verdict.RUN if undone else may_undo(entry)

    return perform, "may_undo", may


def publish_before_commit() -> Patch:
    announce = Writes.announce

    def announced(self: Writes, show: Performance) -> list[Envelope]:
        envelopes = announce(self, show)
        if envelopes:
            name = envelopes[0].source.rpartition("/")[2]
            host = running_host()
            host.spawn(host.bus.publish(name, envelopes))
        return envelopes

    return Writes, "announce", announced


def relay_forgets_before_publishing() -> Patch:
    async def flush(self: Relay) -> bool:
        while self.lane.acknowledged < self.last:
            batch = await self._batch()
            self.lane.acknowledged = batch[-1].sequence
            await self._bus.publish(self.lane.name, batch)
        return True

    return Relay, "flush", flush


def no_fencing() -> Patch:
    return lane.Lane, "_mine", lambda self, row: True


def adopted_lane_is_not_published() -> Patch:
    async def adopt(self: Any, store: Any, row: Any, record: Any) -> bool:
        adopted = await lane.adopt(store.engine, store.codec(type(row)), row, record)
        adopted.acknowledged = adopted.row.next - 1
        await lane.retire(store.engine, adopted)
        return True

    return system.System, "_adopt", adopt


def offsets_ahead_of_the_database() -> Patch:
    turn = worker.Worker._turn

    async def hasty(self: Any, batch: Any) -> None:
        self.subscription.done(batch.arrivals)
        await turn(self, batch)

    return worker.Worker, "_turn", hasty


def no_answer_is_success() -> Patch:
    async def finish(self: Handler, tx: Any, row: Any) -> None:
        try:
            await tx.commit()
        except UnknownOutcome:
            return

    return Handler, "_finish", finish


def no_savepoint() -> Patch:
    return Workspace, "revert", lambda self, mark: None


def timers_stay_after_their_effect() -> Patch:
    return Performance, "_fire", lambda self, delivery: True


def retries_are_forgotten() -> Patch:
    return parked, "park", lambda ws, delivery, error, **how: False


MUTANTS: tuple[Callable[[], Patch], ...] = (
    no_ledger,
    no_tombstone,
    undo_runs_again,
    publish_before_commit,
    relay_forgets_before_publishing,
    no_fencing,
    adopted_lane_is_not_published,
    offsets_ahead_of_the_database,
    no_answer_is_success,
    no_savepoint,
    timers_stay_after_their_effect,
    retries_are_forgotten,
)

NAMES = [mutant.__name__ for mutant in MUTANTS]


class Caught(NamedTuple):
    """What became of one mutant."""

    mutant: str
    seed: int | None
    steps: int
    why: str
    #: Whether the world of that seed holds without the mutation.
    control: bool

    @property
    def proves(self) -> bool:
        """Whether the seed tells the mutant from the original."""
        return self.seed is not None and self.control

    def __str__(self) -> str:
        if self.seed is None:
            return f"{self.mutant:<34} SURVIVED {SEEDS_COUNT} seeds"
        control = "the control passes" if self.control else "THE CONTROL FAILS, TOO"
        found = f"{self.mutant:<34} seed {self.seed:>3} after {self.steps:>3} steps"
        return f"{found}; {control}; {self.why}"


def hunt(name: str) -> Caught:
    """Run seed after seed until one notices this mutant."""
    patch = {mutant.__name__: mutant for mutant in MUTANTS}[name]()
    for seed in range(SEEDS_COUNT):
        with ExitStack() as stack:
            stack.enter_context(mock.patch.object(*patch))
            why, steps = _broken(seed)
        if why:
            return Caught(name, seed, steps, why, not _broken(seed)[0])
    return Caught(name, None, 0, "", True)


def _broken(seed: int) -> tuple[str, int]:
    """The first line of what broke in this world, empty if it holds, and how far it came."""
    with seeded(seed):
        world = World(seed, ORDERS_COUNT)
        try:
            world.run()
        except Exception as error:
            return (str(error) or repr(error)).splitlines()[0][:100], world.steps
    return "", world.steps


def hunted(names: Sequence[str], jobs: int) -> Iterator[Caught]:
    """All of them, on several cores, as they are found."""
    with multiprocessing.get_context("fork").Pool(jobs) as pool:
        yield from pool.imap_unordered(hunt, names)


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation.mutants", description=__doc__)
    parser.add_argument("mutants", nargs="*", help="these only", default=[])
    parser.add_argument("--jobs", type=int, default=multiprocessing.cpu_count())
    asked = parser.parse_args()
    log_to(level=logging.CRITICAL)
    failed = False
    for caught in hunted(asked.mutants or NAMES, asked.jobs):
        print(caught, flush=True)
        failed |= not caught.proves
    return failed


if __name__ == "__main__":
    sys.exit(main())
