"""JDBC's URLs of PostgreSQL and SQLite, as arguments of a storage."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any
from urllib.parse import unquote

from .allowed import TEXT, Allowed, NotAllowed, one_of, whole

POSTGRES_PORT = 5432
_SPOKEN = "Odori's engine speaks jdbc:postgresql: and jdbc:sqlite:"
_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^\s:\[\]]+)?(?::([1-9]\d{0,4}))?", re.ASCII)
_TARGETS = {
    "any": "any",
    "primary": "primary",
    "master": "primary",
    "secondary": "standby",
    "slave": "standby",
    "preferSecondary": "prefer-standby",
    "preferSlave": "prefer-standby",
}


@dataclass(frozen=True)
class Parameter:
    """A parameter of an URL: the storage's field for it, or the reason why it has none."""

    field: str
    allowed: Allowed = TEXT
    instead: str = ""


def _upper(*values: str) -> Allowed:
    return Allowed(" or ".join(values), lambda text: one_of(*values).read(text.upper()))


def _target(text: str) -> str:
    if text not in _TARGETS:
        raise NotAllowed
    return _TARGETS[text]


_DRIVER = Parameter("", instead="it tunes Java's driver")
_MODES = one_of("disable", "allow", "prefer", "require", "verify-ca", "verify-full")

POSTGRES = {
    "user": Parameter("username"),
    "password": Parameter("password"),
    "ssl": Parameter("ssl", one_of("true", "false")),
    "sslmode": Parameter("sslmode", _MODES),
    "sslrootcert": Parameter("sslrootcert"),
    "sslcert": Parameter("sslcert"),
    "sslkey": Parameter("sslkey"),
    "connectTimeout": Parameter("connect_timeout_seconds", whole(1, 3_600)),
    "targetServerType": Parameter("target", Allowed(" or ".join(_TARGETS), _target)),
    "currentSchema": Parameter("search_path"),
    "ApplicationName": Parameter("application_name"),
    "reWriteBatchedInserts": _DRIVER,
    "prepareThreshold": _DRIVER,
    "preparedStatementCacheQueries": _DRIVER,
    "defaultRowFetchSize": _DRIVER,
    "binaryTransfer": _DRIVER,
    "tcpKeepAlive": _DRIVER,
    "loginTimeout": _DRIVER,
    "socketTimeout": _DRIVER,
    "stringtype": _DRIVER,
}
SQLITE = {
    "busy_timeout": Parameter("busy_timeout_millis", whole(0)),
    "journal_mode": Parameter(
        "",
        _upper("WAL", "DELETE", "TRUNCATE", "PERSIST", "MEMORY", "OFF"),
        "the engine makes it WAL, which is the file's and Java's from then on",
    ),
    "synchronous": Parameter(
        "", _upper("OFF", "NORMAL", "FULL", "EXTRA"), "the engine always writes with FULL"
    ),
    "transaction_mode": Parameter("", instead="a writer always takes the lock when it begins"),
    "foreign_keys": Parameter("", instead="tables of the engine have no foreign keys"),
    "cache_size": _DRIVER,
}


def parse(url: str, note: Callable[[str], None]) -> tuple[str, dict[str, Any]]:
    """`postgresql` or `sqlite`, and the arguments; what is said in vain goes to `note`."""
    scheme, found, rest = url.removeprefix("jdbc:").partition(":")
    if not url.startswith("jdbc:") or not found:
        raise NotAllowed(f"is no JDBC URL; {_SPOKEN}")
    place, _, query = rest.partition("?")
    match scheme:
        case "postgresql":
            return scheme, _hosts(place) | _settled(_parameters(query, POSTGRES, note))
        case "sqlite":
            return scheme, _file(place) | _parameters(query, SQLITE, note)
    raise NotAllowed(f"is of {scheme}; {_SPOKEN}")


def _hosts(place: str) -> dict[str, Any]:
    authority, _, database = place.removeprefix("//").partition("/")
    if not place.startswith("//"):
        authority, database = "", place.lstrip("/")
    points = [_HOST.fullmatch(part.strip()) for part in authority.split(",")]
    pairs = [(p[1] or "localhost", int(p[2] or POSTGRES_PORT)) for p in points if p]
    if len(pairs) < len(points) or any(port > 65_535 for _, port in pairs):
        raise NotAllowed("has hosts that are not host[:port][,host[:port]]")
    contact_points = tuple((host.strip("[]"), port) for host, port in pairs)
    return {"contact_points": contact_points, "database": unquote(database)}


def _settled(given: dict[str, Any]) -> dict[str, Any]:
    """The parameters as fields: what a session is told lies in `server_settings`."""
    if given.pop("ssl", "false") == "true":
        given.setdefault("sslmode", "verify-full")
    told = {name: given.pop(name) for name in ("search_path", "application_name") if name in given}
    return given | ({"server_settings": told} if told else {})


def _file(place: str) -> dict[str, Any]:
    if not place or place == ":memory:" or place.startswith(("file:", ":resource:")):
        raise NotAllowed("must name a file by its path: others must be able to open it, too")
    return {"path": place}


def _parameters(
    query: str, known: dict[str, Parameter], note: Callable[[str], None]
) -> dict[str, Any]:
    given: dict[str, Any] = {}
    for part in filter(None, query.split("&")):
        name, _, text = part.partition("=")
        name, text = unquote(name), unquote(text)
        if name not in known:
            [like] = get_close_matches(name, known, 1, 0)
            raise NotAllowed(f"has the unknown parameter {name}; the nearest known one is {like}")
        parameter = known[name]
        try:
            value = parameter.allowed.read(text)
        except NotAllowed as error:
            raise NotAllowed(f"has {name}={text}; it must be {parameter.allowed.says}") from error
        if parameter.instead:
            note(f"the parameter {name} means nothing here: {parameter.instead}")
        else:
            given[parameter.field] = value
    return given
