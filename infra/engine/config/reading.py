"""What is known of a configuration while it is read: what it gives, and what is wrong with it."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from .allowed import SECRET, NotAllowed
from .key import OF_STORAGE, PREFIX, Key
from .keys import BY_NAME, KEYS
from .properties import Entry

#: How like a key of ours a foreign one must be to be taken for a slip of the hand.
SLIP_MIN_RATIO = 0.85
_SECRET_IN_URL = re.compile(r"(?<=://).*@|(?<=password=)[^&\s]*")


@dataclass(frozen=True)
class Given:
    """An entry whose key is known; its value is None where that is told as a problem."""

    key: Key
    entry: Entry
    value: Any

    def __str__(self) -> str:
        hidden = self.key.allowed is SECRET
        shown = "***" if hidden else _SECRET_IN_URL.sub("***", self.entry.value or "")
        return f"{self.entry.where}: {self.entry.key}={shown}"


class Reading:
    """Entries are taken source by source; then storages and settings are made of them."""

    def __init__(self) -> None:
        self.problems: list[str] = []
        self.notes: list[str] = []
        #: By the storage that it stands under ("" for none) and the key's name.
        self.given: dict[tuple[str, str], Given] = {}

    def take(self, entries: Iterable[Entry]) -> None:
        """The entries of one source; what it says is stronger than what was taken before."""
        found: dict[tuple[str, str], Given] = {}
        for entry in entries:
            storage, name = _place(entry.key)
            key = _known(name) if entry.key.startswith(PREFIX) else None
            if key is None:
                self._strange(entry, storage)
                continue
            given = Given(key, entry, self._value(key, entry))
            place = (storage, name if key.name.endswith("*") else key.name)
            before = found.setdefault(place, given)
            if before.entry.value != entry.value and None not in (before.entry.value, entry.value):
                self.problems.append(f"{given} contradicts {before.entry.where}")
            self._note(given, storage, name)
        self.given |= {place: given for place, given in found.items() if given.entry.value != ""}

    def get(self, name: str, storage: str = "") -> Given | None:
        """What is given to the storage, or else to all."""
        return self.given.get((storage, name)) or self.given.get(("", name))

    def value(self, name: str, storage: str = "") -> Any:
        given = self.get(name, storage)
        return given.value if given else None

    def at(self, name: str, storage: str = "") -> str:
        """Where a key is given, or its name if it is not."""
        whose = f"{OF_STORAGE}{storage}." if storage else ""
        return str(self.get(name, storage) or f"{PREFIX}{whose}{name}")

    def fields(self, owner: type, storage: str = "") -> dict[str, Any]:
        """The owner's fields for which a value is given."""
        found = {}
        for key in KEYS:
            if owner in key.owners:
                value = self.value(key.name, storage)
                if value is None and key.follows:
                    value = self.value(key.follows, storage)
                if value is not None:
                    found[key.field] = value
        return found

    def _value(self, key: Key, entry: Entry) -> Any:
        if not entry.value:
            return None
        try:
            return key.allowed.read(entry.value)
        except NotAllowed as error:
            why = str(error) or f"must be {key.allowed.says}"
            self.problems.append(f"{Given(key, entry, None)} {why}")
            return None

    def _note(self, given: Given, storage: str, name: str) -> None:
        key, where = given.key, f"{given.entry.where}: {given.entry.key}"
        if key.instead:
            self.notes.append(f"{where} means nothing here: {key.instead}")
        elif storage and not key.per_storage:
            whole = f"{PREFIX}{key.name}"
            self.notes.append(f"{where} means nothing below one storage: {whole} is of all")
        elif name in key.spellings:
            self.notes.append(f"{where} is read as {PREFIX}{key.name}; ScalarDB may know no other")
        if key.name == "multi_storage.table_mapping":
            self.notes.append(f"{where} is deprecated in ScalarDB: map namespaces instead")

    def _strange(self, entry: Entry, storage: str) -> None:
        """A key that nobody knows: wrong if it is ScalarDB's, or looks as if it were to be."""
        ours = entry.key.startswith(PREFIX)
        prefix = f"{PREFIX}{OF_STORAGE}{storage}." if storage else PREFIX
        names = [prefix + name for name in BY_NAME if not name.endswith("*")]
        like = get_close_matches(entry.key, names, 1, 0 if ours else SLIP_MIN_RATIO)
        where = f"{entry.where}: {entry.key}"
        if like:
            self.problems.append(f"{where} is not known; the nearest known key is {like[0]}")
        else:
            self.notes.append(f"{where} means nothing here: it does not begin with {PREFIX}")


def _place(key: str) -> tuple[str, str]:
    """The storage that a key stands under ("" for none), and its name."""
    name = key.removeprefix(PREFIX)
    if name.startswith(OF_STORAGE):
        storage, _, rest = name.removeprefix(OF_STORAGE).partition(".")
        if storage and rest:
            return storage, rest
    return "", name


def _known(name: str) -> Key | None:
    first, dot, _ = name.partition(".")
    return BY_NAME.get(name) or BY_NAME.get(f"{first}{dot}*")
