"""How hostile a world is: drawn from its seed, so that worlds differ in kind, not only in luck."""

from dataclasses import dataclass
from random import Random
from typing import Self


@dataclass
class Knobs:
    """Probabilities are per occasion; a calm world has all of them at 0."""

    embedded: bool = False
    hosts: int = 1
    partitions: int = 3
    orders: int = 40
    #: Of each commit: before it, after it, or with an answer that is lost.
    kill: float = 0.0
    locked: float = 0.0
    full: float = 0.0
    unanswered: float = 0.0
    #: Of each message or send.
    lost: float = 0.0
    twice: float = 0.0
    late: float = 0.0
    #: Of each poll.
    rewind: float = 0.0
    #: Of each offset that is done: how often it is also noted.
    noted: float = 1.0
    #: Of each call to the storage or the bus: that others run in between.
    interrupted: float = 0.0
    #: Of each effect: that its step raises some times first.
    failing: float = 0.0
    #: Of each action of the customers' and operators' turn.
    pause: float = 0.0
    jump: float = 0.0
    grow: float = 0.0
    garbage: float = 0.0
    put_back: float = 0.0
    #: Of each call of the card provider.
    provider_trouble: float = 0.0

    @classmethod
    def drawn(cls, chance: Random, orders: int) -> Self:
        """The knobs of a seed; every knob is off in some worlds and high in others."""

        def some(most: float) -> float:
            return chance.choice((0.0, most / 4, most))

        embedded = chance.random() < 0.3
        return cls(
            embedded=embedded, hosts=1 if embedded else chance.choice((1, 2, 2)),
            partitions=chance.randint(1, 3), orders=orders,
            kill=some(0.02), locked=some(0.1), full=some(0.05), unanswered=some(0.1),
            lost=some(0.1), twice=some(0.2), late=some(0.5), rewind=some(0.1),
            noted=chance.choice((0.1, 0.5, 1.0)), interrupted=some(0.5), failing=some(0.1),
            pause=some(0.05), jump=some(0.04), grow=some(0.02), garbage=some(0.1),
            put_back=some(0.2), provider_trouble=some(0.3),
        )  # fmt: skip
