"""The storages of a configuration: one, or several with what lies where."""

import re
from difflib import get_close_matches
from typing import Any

from . import jdbc
from .allowed import NotAllowed, listed
from .key import OF_STORAGE, PREFIX
from .reading import Reading
from .settings import CassandraStorage, Pool, PostgresStorage, SqliteStorage, Storage

_MULTI = "multi_storage."
_PLAIN_COMMA = re.compile(r"(?<!\\),")


def build(reading: Reading) -> dict[str, Storage]:
    """By name; a single one is called after what it is."""
    if not is_multi(reading):
        one = _storage(reading, "")
        built = {one.name: one} if one else {}
        _left_over(reading)
    else:
        built = _several(reading)
    _unused(reading, built)
    return built


def is_multi(reading: Reading) -> bool:
    return bool(reading.value("storage") == "multi-storage")


def _several(reading: Reading) -> dict[str, Storage]:
    names: tuple[str, ...] = reading.value(f"{_MULTI}storages") or ()
    if not names:
        if not reading.get(f"{_MULTI}storages"):
            reading.problems.append(f"{reading.at('storage')} needs {PREFIX}{_MULTI}storages")
        return {}
    if not reading.get(f"{_MULTI}default_storage"):
        reading.problems.append(f"{reading.at('storage')} needs {PREFIX}{_MULTI}default_storage")
    _check_names(reading, names)
    built = ((name, _storage(reading, name)) for name in names)
    return {name: storage for name, storage in built if storage}


def _check_names(reading: Reading, names: tuple[str, ...]) -> None:
    for (storage, _), given in reading.given.items():
        if storage and storage not in names:
            reading.problems.append(f"{given} is of {_not_defined(storage, names)}")
    named = [(reading.value(f"{_MULTI}default_storage"), f"{_MULTI}default_storage")]
    tables = reading.value(f"{_MULTI}table_mapping") or {}
    namespaces = reading.value(f"{_MULTI}namespace_mapping") or {}
    named += [(to, f"{_MULTI}table_mapping") for to in dict.fromkeys(tables.values())]
    named += [(to, f"{_MULTI}namespace_mapping") for to in dict.fromkeys(namespaces.values())]
    for storage, key in named:
        if storage and storage not in names:
            reading.problems.append(f"{reading.at(key)} names {_not_defined(storage, names)}")
    if bare := [table for table in tables if "." not in table]:
        where = reading.at(f"{_MULTI}table_mapping")
        reading.problems.append(f"{where} has {', '.join(bare)} without its namespace")


def _not_defined(storage: str, names: tuple[str, ...]) -> str:
    like = get_close_matches(storage, names, 1, 0)
    nearest = f"; the nearest one there is {like[0]}" if like else ""
    return f"the storage {storage}, which {PREFIX}{_MULTI}storages does not name{nearest}"


def _storage(reading: Reading, of: str) -> Storage | None:
    """One storage; None if there is none, or if it cannot be made (which is told)."""
    points = reading.get("contact_points", of)
    stated = reading.given.get((of, "storage"))
    if not stated and (of or not points):
        if of:
            key = f"{PREFIX}{OF_STORAGE}{of}.storage"
            reading.problems.append(f"{reading.at(f'{_MULTI}storages')} needs {key}")
        return None
    if stated and stated.value == "multi-storage":
        reading.problems.append(f"{stated}: a storage of several cannot be several itself")
        return None
    if stated and not stated.value:
        return None
    if not points:
        reading.problems.append(f"{stated} needs {reading.at('contact_points', of)}")
        return None
    if points.value is None:
        return None
    if not stated or stated.value == "cassandra":
        return _cassandra(reading, of)
    return _jdbc(reading, of)


def _cassandra(reading: Reading, of: str) -> CassandraStorage | None:
    given = reading.fields(CassandraStorage, of)
    given.pop("kind", None)
    points = listed(given.pop("contact_points"))
    where = reading.at("contact_points", of)
    if points[0].startswith("jdbc:"):
        reading.problems.append(f"{where} is a JDBC URL, which needs {PREFIX}storage=jdbc")
        return None
    if not all(points) or any(point.count(":") == 1 for point in points):
        why = f"must be hosts, host,host,...; their port is {PREFIX}contact_port"
        reading.problems.append(f"{where} {why}")
    for one, other in (("username", "password"), ("password", "username")):
        if one in given and not reading.get(other, of):
            reading.problems.append(f"{reading.at(one, of)} needs {PREFIX}{other}, too")
    if not given.get("contact_port"):
        given.pop("contact_port", None)
    return CassandraStorage(of or "cassandra", contact_points=points, **given)


def _jdbc(reading: Reading, of: str) -> Storage | None:
    url = reading.value("contact_points", of)
    where = reading.at("contact_points", of)
    if _PLAIN_COMMA.search(url):
        reading.notes.append(
            f"{where}: ScalarDB reads the URL up to the comma, unless \\\\, is one"
        )
    try:
        database, found = jdbc.parse(
            url.replace("\\,", ","), lambda note: reading.notes.append(f"{where}: {note}")
        )
    except NotAllowed as error:
        reading.problems.append(f"{where} {error}")
        return None
    owner = SqliteStorage if database == "sqlite" else PostgresStorage
    given = reading.fields(owner, of)
    del given["contact_points"], given["kind"]
    for field in ("username", "password"):
        if given.get(field) and found.get(field) and given[field] != found[field]:
            reading.problems.append(f"{reading.at(field, of)} contradicts the URL at {where}")
    if database == "sqlite":
        return SqliteStorage(of or database, **given | found)
    given |= found
    given["database"] = given["database"] or given.get("username", "")
    if not given["database"]:
        reading.problems.append(f"{where} names no database")
    return PostgresStorage(of or database, pool=_pool(reading, of), **given)


def _pool(reading: Reading, of: str) -> Pool:
    given: dict[str, Any] = reading.fields(Pool, of)
    idle = [given.get(name) or 0 for name in ("min_idle", "max_idle")]  # where 200 is the default
    pool = Pool(
        **{
            "min_idle": min(Pool.min_idle, given.get("max_idle", Pool.min_idle)),
            "max_total": max(Pool.max_total, *idle),
            **given,
        }
    )
    for name in ("min_idle", "max_idle"):
        if name in given and given[name] > pool.max_total:
            where = reading.at(f"jdbc.connection_pool.{name}", of)
            reading.problems.append(f"{where} must be at most max_total, {pool.max_total}")
    if pool.max_idle is not None and pool.min_idle > pool.max_idle:
        where = reading.at("jdbc.connection_pool.min_idle", of)
        reading.problems.append(f"{where} must be at most max_idle, {pool.max_idle}")
    return pool


def _left_over(reading: Reading) -> None:
    """Keys of several storages where there is one."""
    for (storage, name), given in reading.given.items():
        if storage or name.startswith(_MULTI):
            where = f"{given.entry.where}: {given.entry.key}"
            reading.notes.append(f"{where} means nothing without {PREFIX}storage=multi-storage")


def _unused(reading: Reading, built: dict[str, Storage]) -> None:
    """Keys that no storage which they are given to has a use for."""
    for (storage, name), given in reading.given.items():
        owners = {PostgresStorage if owner is Pool else owner for owner in given.key.owners}
        whose = [built[storage]] if storage in built else [] if storage else [*built.values()]
        if name == "storage" or not given.key.per_storage or not whose:
            continue
        if not owners & {type(one) for one in whose}:
            kinds = " and ".join(sorted({one.kind for one in whose}))
            where = f"{given.entry.where}: {given.entry.key}"
            reading.notes.append(f"{where} means nothing here: it is not for {kinds}")
