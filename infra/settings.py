"""What can be set from outside: ODORI_* variables, with defaults that run on one small machine."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path

_ADDRESS = re.compile(r"\s*([^\s:,]+|\[[0-9a-fA-F:.]+\]):[1-9]\d{0,4}\s*", re.ASCII)
_WHOLE = re.compile(r"-?\d{1,18}", re.ASCII)
#: How like a setting a name must be to be taken for a slip of the hand (difflib's ratio).
LIKE_MIN_RATIO = 0.85
#: What begins so is passed through to the Kafka client.
_CLIENTS = "ODORI_KAFKA_"


class SettingsError(Exception):
    """A variable that cannot be read; says which, and what it may be."""


#: Longer is a mistake: stock that is kept for so long is sold to nobody.
WAIT_MAX_SECONDS = 31 * 86_400
#: The settings whose numbers are bounded, and their bounds.
BOUNDS = {
    "port": (0, 65_535),
    "partitions": (1, 10_000),
    "replication": (1, 100),
    "min_insync": (1, 100),
    "retention_days": (1, 36_500),
    "reservation_seconds": (1, WAIT_MAX_SECONDS),
    "hold_seconds": (1, WAIT_MAX_SECONDS),
    "start_seconds": (0, 86_400),
}


@dataclass(frozen=True)
class Settings:
    """One process's settings; every field is the variable ODORI_<FIELD>."""

    data: Path = Path(".odori")
    kafka: str = ""
    #: Where the stores are, if not in files of the data folder: postgresql://..., or a .properties
    #: file of ScalarDB's.
    store: str = ""
    host: str = "127.0.0.1"
    port: int = 3000
    #: Partitions of every topic; the ceiling of a domain's workers.
    partitions: int = 4
    replication: int = 1
    min_insync: int = 1
    #: Days that messages are kept on the broker; outboxes are kept longer.
    retention_days: int = 7
    #: Who publishes the outboxes on Kafka: on, we; off, somebody else, such as Debezium.
    relay: str = "on"
    #: How long an order may take to be paid and arranged before inventory asks for its stock back.
    reservation_seconds: int = 900
    #: How long stock is held for an order that may follow.
    hold_seconds: int = 900
    #: How long a start waits for a Kafka and a store that do not answer yet.
    start_seconds: int = 6
    #: Origins that browsers may call from, comma-separated.
    cors: tuple[str, ...] = ()
    #: Passed through to the Kafka client, from ODORI_KAFKA_<NAME> (security_protocol, sasl_*, ...).
    kafka_client: Mapping[str, str] = field(default_factory=dict)


def read(environ: Mapping[str, str] = os.environ, **given: object) -> Settings:
    """The settings of the environment; `given` (from the command line) wins.

    An empty text is none: that is how compose files and scripts write one that is not set.
    """
    found: dict[str, object] = {}
    for name, default in Settings.__dataclass_fields__.items():
        text = environ.get(f"ODORI_{name.upper()}")
        if text and name != "kafka_client":
            found[name] = _parse(name, text, default.default)
    found["kafka_client"] = {
        name.removeprefix(_CLIENTS).lower(): value
        for name, value in environ.items()
        if name.startswith(_CLIENTS) and value
    }
    found.update({name: value for name, value in given.items() if value not in (None, "")})
    return Settings(**found)  # type: ignore[arg-type]


def unknown(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Variables that look like settings and are none, and the setting that each is most like.

    No error: whoever runs the process may have variables of its own, as Kubernetes does for a
    service called odori.
    """
    names = [f"ODORI_{name.upper()}" for name in Settings.__dataclass_fields__]
    strange = [n for n in environ if n.startswith("ODORI_") and n not in names]
    likely = {
        n: get_close_matches(n, names, 1, LIKE_MIN_RATIO)
        for n in strange
        if not n.startswith(_CLIENTS)
    }
    return {name: like[0] for name, like in likely.items() if like}


def _parse(name: str, text: str, default: object) -> object:
    if isinstance(default, Path):
        return Path(text)
    if isinstance(default, tuple):
        return tuple(part.strip() for part in text.split(",") if part.strip())
    if isinstance(default, int):
        low, high = BOUNDS[name]
        if not _WHOLE.fullmatch(text.strip()) or not low <= int(text) <= high:
            raise SettingsError(
                f"ODORI_{name.upper()}={text!r} is not a whole number from {low} to {high}"
            )
        return int(text)
    if name == "kafka" and not all(map(_ADDRESS.fullmatch, text.split(","))):
        raise SettingsError(f"ODORI_KAFKA={text!r} is not host:port[,host:port]")
    if name == "relay" and text not in ("on", "off"):
        raise SettingsError(f"ODORI_RELAY={text!r} is neither on nor off")
    return text
