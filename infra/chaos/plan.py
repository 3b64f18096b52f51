"""Which fault comes when: drawn from a seed, so that the same seed is the same day."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random

#: Every kind of fault, and how long it lasts at least and at most, in seconds. What is killed is
#: started again then. A worker is away shorter and longer than its group waits for it (10 s).
KINDS = {
    "kill": (0.0, 12.0),
    "pause": (1.0, 12.0),
    "restart": (0.0, 0.0),
    "cut": (1.0, 6.0),
    "delay": (3.0, 8.0),
    "disk full": (3.0, 6.0),
    "clock moved": (3.0, 8.0),
}
#: What can happen to a process of ours, and to a server behind a proxy.
OF_PROCESSES = ("kill", "pause", "restart")
OF_SERVERS = (*OF_PROCESSES, "cut", "delay")
#: Seconds that a moved clock is ahead or behind.
CLOCK_MOVED_SECONDS = (-3_600, -60, 60, 3_600)
#: What a delayed wire holds back, in seconds for each direction.
DELAYS_S = (0.02, 0.1, 0.25)


@dataclass(frozen=True)
class Fault:
    """One thing that goes wrong: where, what, and for how long.

    `draw` chooses among several of a component, and how bad it is.
    """

    component: str
    kind: str
    seconds: float
    draw: int

    def __str__(self) -> str:
        return f"{self.component}: {self.kind}, {self.seconds:.1f} s"


def plan(seed: int, kinds: Mapping[str, Sequence[str]]) -> Iterator[Fault]:
    """Faults without end, of these kinds for each component.

    The first ones kill each component and have every kind once; then comes all that is left of
    component by kind; then everything again and again.
    """
    chance = Random(seed)
    pairs = [(component, kind) for component, some in kinds.items() for kind in some]
    first = [pair for pair in pairs if pair[1] == "kill"]
    for kind in KINDS:
        some = [pair for pair in pairs if pair[1] == kind != "kill"]
        first += chance.sample(some, min(1, len(some)))
    rest = [pair for pair in pairs if pair not in first]
    while True:
        for some in (first, rest):
            for component, kind in chance.sample(some, len(some)):
                seconds = round(chance.uniform(*KINDS[kind]), 1)
                yield Fault(component, kind, seconds, chance.getrandbits(16))
