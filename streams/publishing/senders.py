"""What every way to send commands is: over HTTP, through a lane of our own, to Kafka."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from schemas.message import Command

C = TypeVar("C", bound=Command)


@dataclass
class Sent(Generic[C]):
    """What became of sending: the subjects of commands that were taken, those of them that were
    done before, and the problem of each command that was not taken."""

    accepted: set[str] = field(default_factory=set)
    repeated: set[str] = field(default_factory=set)
    refused: list[tuple[C, str]] = field(default_factory=list)


class Sender(Protocol):
    """Sends commands in order, returns when all are durable; tells each time some were taken.
    What was not taken is in the answer."""

    async def send(
        self, commands: Iterable[C], progress: Callable[[Sequence[C]], None]
    ) -> Sent[C]: ...

    async def close(self) -> None: ...
