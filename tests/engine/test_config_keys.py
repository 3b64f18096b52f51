"""The table of keys is whole: each key sets the field that it names, or says why it sets none."""

from dataclasses import fields

import pytest

from infra.engine.config import load
from infra.engine.config.allowed import FLAG
from infra.engine.config.key import PREFIX, Key
from infra.engine.config.keys import BY_NAME, KEYS
from infra.engine.config.settings import (
    CassandraStorage,
    CommitOptions,
    GroupCommitOptions,
    Pool,
    PostgresStorage,
    Settings,
    SqliteStorage,
)

OWNERS = (
    Settings,
    CommitOptions,
    GroupCommitOptions,
    Pool,
    PostgresStorage,
    SqliteStorage,
    CassandraStorage,
)
#: Made of others: parts of the tree, names, and what comes out of a JDBC URL.
WITHOUT_KEY = {
    Settings: {"consensus_commit", "notes"},
    CommitOptions: {"group_commit"},
    PostgresStorage: {
        "name", "contact_points", "database", "pool", "sslmode", "sslrootcert", "sslcert", "sslkey",
        "connect_timeout_seconds", "target", "server_settings",
    },
    SqliteStorage: {"name", "path", "busy_timeout_millis"},
    CassandraStorage: {"name", "contact_points"},
}  # fmt: skip
#: One value of each that is not the default.
OTHER = {
    "contact_port": "9043",
    "jdbc.connection_pool.min_idle": "3",
    "jdbc.isolation_level": "SERIALIZABLE",
    "cassandra.replication_strategy": "NetworkTopologyStrategy",
    "cassandra.compaction_strategy": "LCS",
    "consensus_commit.isolation_level": "READ_COMMITTED",
}
#: What keys may be that mean nothing and are no number.
ONLY = {
    "consensus_commit.serializable_strategy": "EXTRA_READ",
    "consensus_commit.coordinator.table": "state",
    "system_namespace_name": "scalardb",
    "jdbc.table_metadata.schema": "scalardb",
}
STORAGES = {
    PostgresStorage: {"storage": "jdbc", "contact_points": "jdbc:postgresql://h/d"},
    SqliteStorage: {"storage": "jdbc", "contact_points": "jdbc:sqlite:a.db"},
    CassandraStorage: {"storage": "cassandra", "contact_points": "h"},
}
PLAIN = [
    (key, owner)
    for key in KEYS
    for owner in key.owners
    if key.name not in ("storage", "contact_points") and "multi_storage" not in key.name
]


def other(key: Key) -> str:
    if key.allowed is FLAG:
        return str(not key.default).lower()
    return OTHER.get(key.name, "33")


def owned(settings: Settings, owner: type) -> object:
    """The part of the settings that is of this type."""
    commit = settings.consensus_commit
    storage = settings.storages.get(settings.default_storage)
    parts = [settings, commit, commit.group_commit, settings.cross_partition_scan, storage]
    parts += [getattr(storage, "pool", None)]
    return next(part for part in parts if type(part) is owner)


@pytest.mark.parametrize(
    ("key", "owner"), PLAIN, ids=lambda part: getattr(part, "name", None) or part.__name__
)
def test_a_key_sets_its_field(key: Key, owner: type) -> None:
    kind = PostgresStorage if owner is Pool or not key.per_storage else owner
    given = {f"{PREFIX}{name}": value for name, value in STORAGES[kind].items()}
    if kind is CassandraStorage:
        given |= {"scalar.db.username": "a", "scalar.db.password": "b"}
    before = getattr(owned(load(given), owner), key.field)
    after = getattr(owned(load(given, {PREFIX + key.name: other(key)}), owner), key.field)
    assert before != after
    assert str(after).lower() == str(key.allowed.read(other(key))).lower()


@pytest.mark.parametrize("key", [key for key in KEYS if key.spellings], ids=lambda key: key.name)
def test_another_spelling_of_a_key_sets_its_field_and_is_noted(key: Key) -> None:
    for name in key.spellings:
        settings = load({PREFIX + name: other(key)})
        value = getattr(settings.consensus_commit, key.field)
        assert value == key.allowed.read(other(key)) != key.default
        [note] = settings.notes
        assert f"{name} is read as {PREFIX}{key.name}" in note


def test_every_field_has_its_key() -> None:
    for owner in OWNERS:
        reached = {key.field for key in KEYS if owner in key.owners} - {"kind", "contact_points"}
        assert reached == {field.name for field in fields(owner)} - WITHOUT_KEY.get(owner, set())


def test_no_name_stands_for_two_keys() -> None:
    assert len(BY_NAME) == sum(1 + len(key.spellings) for key in KEYS)


def test_a_key_without_a_field_says_why() -> None:
    silent = [key.name for key in KEYS if not key.field and not key.instead]
    assert silent == ["transaction_manager"]
    assert not [key.name for key in KEYS if key.field and key.instead]


def test_every_key_that_means_nothing_here_is_noted() -> None:
    for key in KEYS:
        if key.instead:
            usual = "true" if key.allowed is FLAG else "1"
            value = ONLY.get(key.name, usual)
            name = PREFIX + key.name.replace("*", "anything")
            assert load({name: value}).notes == (
                f"given: {name} means nothing here: {key.instead}",
            )
