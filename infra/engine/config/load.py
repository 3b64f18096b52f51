"""Configurations as settings; everything that is wrong with them in one error."""

import os
from collections.abc import Mapping
from types import MappingProxyType
from urllib.parse import unquote

from infra.engine.engine import Isolation
from infra.engine.errors import ConfigError

from .key import PREFIX
from .properties import Entry, Source, read
from .reading import Reading
from .settings import (
    CassandraStorage,
    CommitOptions,
    GroupCommitOptions,
    Settings,
    Storage,
)
from .storages import build, is_multi

#: What the domains may have; an engine of its own may be on SQLite, too.
_STORES = (
    "postgresql://user:password@host:port/database or a .properties file that maps all domains to"
    " one PostgreSQL; without it every domain has a SQLite file of its own"
)


def load(*sources: Source, environ: Mapping[str, str] = os.environ) -> Settings:
    """The settings of .properties files and mappings; a later source wins over an earlier one.

    `${NAME}` and `${env:NAME}` stand for variables of `environ`. All that is wrong is told at once.
    """
    reading = Reading()
    for source in sources:
        reading.take(read(source, environ, reading.problems))
    return _whole(reading)


def odori_store(url: str, environ: Mapping[str, str] = os.environ) -> Settings:
    """What ODORI_STORE says: a PostgreSQL, an SQLite file, or a .properties file."""
    if url.endswith(".properties"):
        return load(url, environ=environ)
    scheme, found, rest = url.partition("://")
    given = {"storage": "jdbc"}
    if found and scheme in ("postgresql", "postgres"):
        login, at, _ = rest.partition("/")[0].rpartition("@")
        name, _, password = login.partition(":")
        place = rest.removeprefix(login + at).replace(",", "\\,")
        given["contact_points"] = f"jdbc:postgresql://{place}"
        given["username"], given["password"] = unquote(name), unquote(password)
    elif found and scheme == "sqlite" and rest.startswith("/"):
        given["contact_points"] = "jdbc:sqlite:" + rest[1:].replace(",", "\\,")
    else:
        raise ConfigError(f"ODORI_STORE must be {_STORES}")
    reading = Reading()
    reading.take(Entry(PREFIX + key, value, "ODORI_STORE") for key, value in given.items())
    return _whole(reading)


def _whole(reading: Reading) -> Settings:
    settings = _settings(reading)
    if reading.problems:
        raise ConfigError("\n".join(reading.problems))
    return settings


def _settings(reading: Reading) -> Settings:
    """The whole; it means something only if there are no problems."""
    group = GroupCommitOptions(**reading.fields(GroupCommitOptions))
    commit = CommitOptions(**reading.fields(CommitOptions), group_commit=group)
    storages = build(reading)
    plain = reading.fields(Settings) | {"storages": MappingProxyType(storages)}
    _serializable(reading, commit, plain.get("cross_partition_scan", True), storages)
    for name in ("namespace_mapping", "table_mapping"):
        mapped = plain.get(name, {}) if is_multi(reading) else {}
        plain[name] = MappingProxyType(mapped)
    if not is_multi(reading):
        plain["default_storage"] = next(iter(storages), "")
    return Settings(
        **plain,
        consensus_commit=commit,
        notes=tuple(dict.fromkeys(reading.notes)),
    )


def _serializable(
    reading: Reading,
    commit: CommitOptions,
    scan: bool,
    storages: Mapping[str, Storage],
) -> None:
    if commit.isolation_level is not Isolation.SERIALIZABLE or not scan:
        return
    for name, storage in storages.items():
        if isinstance(storage, CassandraStorage):
            where = reading.at("consensus_commit.isolation_level")
            reading.notes.append(f"{where}: scans over all partitions of {name} are not")
