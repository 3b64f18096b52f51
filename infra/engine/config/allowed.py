"""What a value may be: the sentence that says it, and the reading of it."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

_WHOLE = re.compile(r"[+-]?\d{1,18}", re.ASCII)
_SEPARATOR = re.compile(r"\s*(?<!\\),\s*")
#: Java's largest int.
INT_MAX = 2**31 - 1


class NotAllowed(ValueError):
    """A value that may not be; the text says why where `Allowed.says` does not."""


@dataclass(frozen=True)
class Allowed:
    """`says` ends the sentence "must be ..."; `read` gives the typed value or refuses it."""

    says: str
    read: Callable[[str], object]


def whole(low: int, high: int = INT_MAX) -> Allowed:
    def read(text: str) -> int:
        if not _WHOLE.fullmatch(text) or not low <= int(text) <= high:
            raise NotAllowed
        return int(text)

    range_ = f"of at least {low}" if high == INT_MAX else f"from {low} to {high}"
    return Allowed(f"a whole number {range_}", read)


def member(of: type[StrEnum]) -> Allowed:
    def read(text: str) -> StrEnum:
        if text.upper() not in of.__members__:
            raise NotAllowed
        return of[text.upper()]

    return Allowed(" or ".join(of.__members__), read)


def one_of(*values: str, why: str = "") -> Allowed:
    """One of the words as they are written; `why` tells of those that one might expect."""

    def read(text: str) -> str:
        if text not in values:
            raise NotAllowed
        return text

    return Allowed(" or ".join(values) + (f" ({why})" if why else ""), read)


def listed(text: str) -> tuple[str, ...]:
    """The parts between commas; a comma after a backslash is part of a part."""
    return tuple(part.replace("\\", "") for part in _SEPARATOR.split(text))


def _name(text: str) -> str:
    if not re.fullmatch(r"[^.,:\s]+", text):
        raise NotAllowed
    return text


def _names(text: str) -> tuple[str, ...]:
    names = listed(text)
    for name in names:
        _name(name)
    if twice := [name for name in dict.fromkeys(names) if names.count(name) > 1]:
        raise NotAllowed(f"names {', '.join(twice)} twice")
    return names


def mapping(what: str) -> Allowed:
    """`what:storage` pairs, each `what` once."""

    def read(text: str) -> dict[str, str]:
        pairs = [part.partition(":") for part in listed(text)]
        if not all(name and storage and ":" not in storage for name, _, storage in pairs):
            raise NotAllowed
        names = [name for name, _, _ in pairs]
        if twice := [name for name in dict.fromkeys(names) if names.count(name) > 1]:
            raise NotAllowed(f"maps the {what} {', '.join(twice)} twice")
        return {name: storage for name, _, storage in pairs}

    return Allowed(f"a list like {what}:storage, ...", read)


def _flag(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise NotAllowed
    return text.lower() == "true"


TEXT = Allowed("a text", str)
#: Never shown in a message.
SECRET = Allowed("a text", str)
FLAG = Allowed("true or false", _flag)
NAME = Allowed("a name without dots, commas, colons and spaces", _name)
NAMES = Allowed("a list of different names without dots, colons or spaces", _names)
