"""Java's .properties files and mappings as entries that know where they stand."""

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import javaproperties

Source = str | os.PathLike[str] | Mapping[str, str]

#: `${NAME}`, `${env:NAME}`, `${env:NAME:-otherwise}`; `$${` stands for the text `${`.
_VARIABLE = re.compile(r"(\$?)\$\{([^}]*)\}")
_NAME = re.compile(r"(?:env:)?([A-Za-z_]\w*)(?::-(.*))?", re.ASCII)


@dataclass(frozen=True)
class Entry:
    """One key and its value, with the variables replaced; `where` is file:line."""

    key: str
    #: None if a variable of it is not set.
    value: str | None
    where: str


def read(source: Source, environ: Mapping[str, str], problems: list[str]) -> list[Entry]:
    """What a source says, in its order; what cannot be read is told to `problems`."""
    if isinstance(source, Mapping):
        found = iter([Entry(key, str(value), "given") for key, value in source.items()])
    else:
        found = _parsed(os.fspath(source), problems)
    return [Entry(entry.key, _replaced(entry, environ, problems), entry.where) for entry in found]


def _parsed(path: str, problems: list[str]) -> Iterator[Entry]:
    line = 1
    try:
        text = Path(path).read_text("utf-8-sig")
        for element in javaproperties.parse(text):
            if isinstance(element, javaproperties.KeyValue):
                yield Entry(element.key, element.value, f"{path}:{line}")
            line += len(re.findall(r"\r\n|\r|\n", element.source))
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        problems.append(f"{path}:{line}: is not UTF-8")
    except javaproperties.InvalidUEscapeError as error:
        problems.append(f"{path}:{line}: {error}; nothing after it was read")
    except OSError as error:
        problems.append(f"{path}: cannot be read: {error.strerror}")


def _replaced(entry: Entry, environ: Mapping[str, str], problems: list[str]) -> str | None:
    """The trimmed value; None if a variable is not set."""
    missing = False

    def replace(found: re.Match[str]) -> str:
        nonlocal missing
        if found[1]:
            return found[0][1:]
        name = _NAME.fullmatch(found[2])
        value = environ.get(name[1], name[2]) if name else None
        if value is None:
            missing = True
            what = f"the variable {name[1]} is not set" if name else f"{found[0]} is no ${{NAME}}"
            problems.append(f"{entry.where}: {entry.key}: {what}")
        return value or ""

    value = _VARIABLE.sub(replace, (entry.value or "").strip()).strip()
    return None if missing else value
