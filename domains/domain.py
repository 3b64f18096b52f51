"""How a domain declares its steps and undos; the signature of a step is the flow."""

import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any, TypeVar, get_args, get_type_hints

from domains.row import Row, RowKey
from schemas.message import Failure, Message

#: Where a row is: its class and its key.
Address = tuple[type[Row], RowKey]
F = TypeVar("F", bound=Callable[..., Any])


class DeclarationError(TypeError):
    """A step or undo whose signature or options do not say what they must."""


@dataclass(frozen=True, eq=False)
class Undo:
    """Takes one step back: `(failure, heard, tx)`, announcing what was taken back, if anything."""

    name: str
    function: Callable[..., Any]
    announces: tuple[type[Message], ...]
    reads: Callable[[Any, Any], Iterable[Address]] | None


@dataclass(eq=False)
class Step:
    """One effect of a domain: triggers -> announcements, read from the function's signature."""

    domain: str
    name: str
    function: Callable[..., Any]
    triggers: tuple[type[Message], ...]
    announces: tuple[type[Message], ...]
    reads: Callable[[Any], Iterable[Address]] | None = None
    subject: Callable[[Any], str] | None = None
    pivot: bool = False
    queues: bool = True
    undo: Undo | None = field(default=None)

    @property
    def full_name(self) -> str:
        """`domain.step`, the name in the compensation table and in the ledger."""
        return f"{self.domain}.{self.name}"


class Domain:
    """One domain: its name is its folder, its topics, its consumer group and its namespace."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.steps: dict[str, Step] = {}

    def step(
        self,
        *,
        reads: Callable[[Any], Iterable[Address]] | None = None,
        subject: Callable[[Any], str] | None = None,
        pivot: bool = False,
        queues: bool = True,
    ) -> Callable[[F], F]:
        """Declare a step `(event, tx) -> announcements`.

        - `reads`: the rows it will need, fetched with the ledger look-up (saves a second pass);
        - `subject`: tells apart several effects of this step in one saga (a request id); only for
          steps that nothing undoes;
        - `pivot`: before it everything can be taken back, after it nothing refuses;
        - `queues=False`: never waits behind a parked delivery of its saga.
        """

        def declare(function: F) -> F:
            name = function.__name__
            if name in self.steps:
                raise DeclarationError(f"{self.name}.{name} is declared twice")
            hints = _hints(function, ("tx",))
            trigger, announced = hints
            self.steps[name] = Step(
                self.name, name, function, _messages(trigger), _messages(announced),
                reads, subject, pivot, queues,
            )  # fmt: skip
            if not self.steps[name].triggers:
                raise DeclarationError(f"{self.name}.{name}: its first argument is no message")
            return function

        return declare

    def undo(
        self,
        step: Callable[..., Any],
        *,
        reads: Callable[[Any, Any], Iterable[Address]] | None = None,
    ) -> Callable[[F], F]:
        """Declare how `step` is taken back: `(failure, heard, tx) -> announcements`."""

        def declare(function: F) -> F:
            undone = self.steps.get(step.__name__)
            if undone is None or undone.undo is not None or undone.subject is not None:
                raise DeclarationError(
                    f"{self.name}.{function.__name__}: undoes {step.__name__}, which is no step,"
                    " has an undo already, or has a subject"
                )
            failure, announced = _hints(function, ("heard", "tx"))
            if not all(issubclass(heard, Failure) for heard in _messages(failure)):
                raise DeclarationError(
                    f"{self.name}.{function.__name__}: an undo hears a Failure; what is to follow"
                    f" an event, such as {_messages(failure)[0].__name__}, is a step of its own"
                )
            undone.undo = Undo(function.__name__, function, _messages(announced), reads)
            return function

        return declare


def rows_of(module: ModuleType) -> list[type[Row]]:
    """The row classes that a domain's `rows` module defines."""
    return [
        value
        for value in vars(module).values()
        if isinstance(value, type)
        and issubclass(value, Row)
        and value.__module__ == module.__name__
    ]


def _hints(function: Callable[..., Any], rest: tuple[str, ...]) -> tuple[Any, Any]:
    names = tuple(inspect.signature(function).parameters)
    hints = get_type_hints(function)
    if names[1:] != rest or "return" not in hints or names[0] not in hints:
        raise DeclarationError(
            f"{function.__name__}: must be annotated as (message, {', '.join(rest)}) -> messages"
        )
    return hints[names[0]], hints["return"]


def _messages(annotation: Any) -> tuple[type[Message], ...]:
    """Every message class in an annotation, through unions, lists and tuples."""
    if isinstance(annotation, type) and issubclass(annotation, Message):
        return (annotation,)
    return tuple(dict.fromkeys(m for part in get_args(annotation) for m in _messages(part)))
