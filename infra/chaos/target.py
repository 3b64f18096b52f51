"""What can be broken, and mended again."""

from typing import Protocol, runtime_checkable


class NotStarted(RuntimeError):
    """What was started ended, or never answered; says why, in its own words."""


class Target(Protocol):
    """A process, a container or several of them. Every call returns when it is done.

    What it keeps, and where it is found, outlive its end.
    """

    @property
    def name(self) -> str:
        """What people call it."""

    def start(self) -> None:
        """Start on what is there, and wait until it answers; raises a RuntimeError."""

    def stop(self) -> None:
        """Ask it to end."""

    def kill(self) -> None:
        """End it as a power cut would."""

    def pause(self) -> None:
        """Stop all that it does, its connections open."""

    def resume(self) -> None:
        """Go on from there."""

    def alive(self) -> bool:
        """Whether it has not ended, neither by us nor by itself."""


class Server(Target, Protocol):
    """One that others connect to."""

    #: host:port
    address: str


@runtime_checkable
class Filling(Protocol):
    """A server whose disk is small, so that it can be filled without harm to anything else."""

    def fill(self) -> None:
        """Leave not a byte on its disk."""

    def empty(self) -> None:
        """Take away what `fill` put there."""
