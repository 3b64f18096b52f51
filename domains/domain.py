"""How a domain declares its steps and undos; the signature of a step is the flow."""

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from inspect import Parameter
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

    @property
    def settings(self) -> tuple[str, ...]:
        """What may be set from outside: the keyword-only arguments of the function."""
        parameters = inspect.signature(self.function).parameters.values()
        return tuple(p.name for p in parameters if p.kind is Parameter.KEYWORD_ONLY)

    def set_to(self, settings: Mapping[str, Any]) -> "Step":
        """This step with those of the settings that are its own; the others keep their defaults."""
        own = {name: settings[name] for name in self.settings if name in settings}
        return replace(self, function=partial(self.function, **own)) if own else self


class Domain:
    """One domain: its name is its folder, its topics, its consumer group and its namespace."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.steps: dict[str, Step] = {}

    def set_to(self, settings: Mapping[str, Any]) -> "Domain":
        """This domain with these settings in its steps."""
        domain = Domain(self.name)
        domain.steps = {name: step.set_to(settings) for name, step in self.steps.items()}
        return domain

    def step(
        self,
        *,
        reads: Callable[[Any], Iterable[Address]] | None = None,
        subject: Callable[[Any], str] | None = None,
        pivot: bool = False,
        queues: bool = True,
    ) -> Callable[[F], F]:
        """Declare a step `(event, tx) -> announcements`.

        What may be set from outside is a keyword-only argument with a default.
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
    parameters = inspect.signature(function).parameters
    names = tuple(n for n, p in parameters.items() if not _is_setting(p, rest))
    hints = get_type_hints(function)
    if names[1:] != rest or "return" not in hints or names[0] not in hints:
        raise DeclarationError(
            f"{function.__name__}: must be annotated as (message, {', '.join(rest)}) -> messages"
        )
    return hints[names[0]], hints["return"]


def _is_setting(parameter: Parameter, rest: tuple[str, ...]) -> bool:
    """Only a step has settings; each has a default, so that it runs where nobody sets it."""
    optional = parameter.default is not Parameter.empty
    return rest == ("tx",) and parameter.kind is Parameter.KEYWORD_ONLY and optional


def _messages(annotation: Any) -> tuple[type[Message], ...]:
    """Every message class in an annotation, through unions, lists and tuples."""
    if isinstance(annotation, type) and issubclass(annotation, Message):
        return (annotation,)
    return tuple(dict.fromkeys(m for part in get_args(annotation) for m in _messages(part)))
