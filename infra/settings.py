"""What can be set from outside: ODORI_* variables, with defaults that run on one small machine."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


class SettingsError(Exception):
    """A variable that cannot be read; says which, and what it may be."""


#: Longer is a mistake: stock that is kept for so long is sold to nobody.
WAIT_MAX_SECONDS = 31 * 86_400
#: The settings whose numbers are bounded, and their bounds.
BOUNDS = {
    "reservation_seconds": (1, WAIT_MAX_SECONDS),
    "hold_seconds": (1, WAIT_MAX_SECONDS),
}


@dataclass(frozen=True)
class Settings:
    """One process's settings; every field is the variable ODORI_<FIELD>."""

    data: Path = Path(".odori")
    kafka: str = ""
    host: str = "127.0.0.1"
    port: int = 3000
    #: Partitions of every topic; the ceiling of a domain's workers.
    partitions: int = 4
    replication: int = 1
    min_insync: int = 1
    #: Days that messages are kept on the broker; outboxes are kept longer.
    retention_days: int = 7
    #: How long an order may take to be paid and arranged before inventory asks for its stock back.
    reservation_seconds: int = 900
    #: How long stock is held for an order that may follow.
    hold_seconds: int = 900
    #: Origins that browsers may call from, comma-separated.
    cors: tuple[str, ...] = ()
    #: Passed through to the Kafka client, from ODORI_KAFKA_<NAME> (security_protocol, sasl_*, ...).
    kafka_client: Mapping[str, str] = field(default_factory=dict)


def read(environ: Mapping[str, str] = os.environ, **given: object) -> Settings:
    """The settings of the environment; `given` (from the command line) wins where not None."""
    found: dict[str, object] = {}
    for name, default in Settings.__dataclass_fields__.items():
        text = environ.get(f"ODORI_{name.upper()}")
        if text is not None and name != "kafka_client":
            found[name] = _parse(name, text, default.default)
    prefix = "ODORI_KAFKA_"
    found["kafka_client"] = {
        name.removeprefix(prefix).lower(): value
        for name, value in environ.items()
        if name.startswith(prefix)
    }
    found.update({name: value for name, value in given.items() if value is not None})
    return Settings(**found)  # type: ignore[arg-type]


def _parse(name: str, text: str, default: object) -> object:
    if isinstance(default, Path):
        return Path(text)
    if isinstance(default, tuple):
        return tuple(part.strip() for part in text.split(",") if part.strip())
    if isinstance(default, int):
        if not text.strip().isdecimal():
            raise SettingsError(f"ODORI_{name.upper()}={text!r} is not a number")
        low, high = BOUNDS.get(name, (0, int(text)))
        if not low <= int(text) <= high:
            raise SettingsError(f"ODORI_{name.upper()}={text!r} is not from {low} to {high}")
        return int(text)
    return text
