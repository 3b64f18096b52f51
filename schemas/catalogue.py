"""Finds every message class, and turns a wire type and a body into a message again."""

import pkgutil
from collections.abc import Iterator, Mapping
from functools import cached_property
from importlib import import_module

from pydantic import ValidationError
from pydantic_core import ErrorDetails

import schemas
from schemas.fields import IN_WORDS
from schemas.message import Message, Timer

SchemaErrors = list[dict[str, str]]


class SchemaError(Exception):
    """A message that cannot be read: unknown type or version, or an invalid body."""


class UnknownType(SchemaError):
    """No schema has this type."""


class UnknownVersion(SchemaError):
    """The schema is known, this version of it is not."""


class InvalidBody(SchemaError):
    """The body does not fit the schema; `errors` has one entry per field."""

    def __init__(self, wire: str, errors: SchemaErrors) -> None:
        super().__init__(f"{wire}: " + "; ".join(f"{e['pointer']}: {e['detail']}" for e in errors))
        self.errors = errors


class Catalogue:
    """The messages of the installed schemas, by wire type."""

    def __init__(self, classes: Iterator[type[Message]] | None = None) -> None:
        found = _walk() if classes is None else classes
        self.by_name: dict[str, type[Message]] = {_stem(c.spec.wire): c for c in found}

    @cached_property
    def by_type(self) -> Mapping[str, tuple[type[Message], int]]:
        """Every readable wire type, with the version it stands for."""
        return {
            f"{stem}.v{version}": (cls, version)
            for stem, cls in self.by_name.items()
            for version in {*cls.upcasters, cls.spec.version}
        }

    def decode(self, wire: str, payload: bytes | str) -> Message:
        """The message; raises UnknownType, UnknownVersion or InvalidBody."""
        try:
            cls, version = self.by_type[wire]
        except KeyError:
            if _stem(wire) in self.by_name:
                raise UnknownVersion(f"{wire}: no upcaster reads this version") from None
            raise UnknownType(f"{wire}: no schema has this type") from None
        try:
            return cls.parse(payload, version)
        except ValidationError as error:
            raise InvalidBody(wire, explain(error)) from None

    def of(self, domain: str) -> list[type[Message]]:
        """The messages that this domain owns, in the order of its file."""
        return [c for c in self.by_name.values() if c.spec.domain == domain]


def explain(error: ValidationError) -> SchemaErrors:
    """One entry per field: a JSON pointer and what is wrong there (RFC 9457 `errors`)."""
    entries = error.errors(include_url=False, include_input=False)
    places = [entry["loc"] for entry in entries]
    return [
        {
            "pointer": "".join(f"/{_escaped(part)}" for part in entry["loc"]) or "/",
            "detail": _in_words(entry),
        }
        for entry in entries
        # A list whose only item is wrong is called too short as well, which helps nobody.
        if entry["type"] != "too_short" or not any(_inside(place, entry["loc"]) for place in places)
    ]


def _in_words(entry: ErrorDetails) -> str:
    """What the field must be; no pattern, and nothing of how it is checked."""
    what, context = entry["type"], entry.get("ctx", {})
    field = next((part for part in reversed(entry["loc"]) if isinstance(part, str)), "the body")
    if what == "string_pattern_mismatch" and context["pattern"] in IN_WORDS:
        return f"{field} {IN_WORDS[context['pattern']]}"
    return f"{field} {context['error']}" if what == "value_error" else entry["msg"]


def _inside(place: tuple[int | str, ...], list_: tuple[int | str, ...]) -> bool:
    return len(place) > len(list_) and place[: len(list_)] == list_


def _escaped(part: int | str) -> str:
    return str(part).replace("~", "~0").replace("/", "~1")


def _stem(wire: str) -> str:
    return wire.rpartition(".v")[0]


def _walk() -> Iterator[type[Message]]:
    for module in sorted(m.name for m in pkgutil.iter_modules(schemas.__path__)):
        for value in vars(import_module(f"schemas.{module}")).values():
            own = isinstance(value, type) and issubclass(value, Message) and "spec" in vars(value)
            if own and value.__module__ == f"schemas.{module}":
                yield value


def on_the_wire(cls: type[Message]) -> bool:
    """Whether this message ever leaves its domain."""
    return not issubclass(cls, Timer)
