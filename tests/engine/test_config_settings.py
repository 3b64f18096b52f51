"""What configurations mean: storages, what lies where, defaults, and what is said in vain."""

from pathlib import Path

import pytest

from infra.engine.config import (
    CassandraStorage,
    CommitOptions,
    Isolation,
    JdbcIsolation,
    Pool,
    PostgresStorage,
    Settings,
    SqliteStorage,
    load,
    odori_store,
)
from infra.engine.errors import ConfigError

from .conftest import Loaded

CC = "scalar.db.consensus_commit."
JDBC = "scalar.db.storage=jdbc\nscalar.db.contact_points="
TWO = """scalar.db.storage=multi-storage
scalar.db.username=all
scalar.db.password=secret
scalar.db.multi_storage.storages=pg,cass
scalar.db.multi_storage.storages.pg.storage=jdbc
scalar.db.multi_storage.storages.pg.contact_points=jdbc:postgresql://h/d
scalar.db.multi_storage.storages.cass.storage=cassandra
scalar.db.multi_storage.storages.cass.contact_points=c1
scalar.db.multi_storage.storages.cass.username=own
scalar.db.multi_storage.default_storage=pg
"""


def postgres(settings: Settings) -> PostgresStorage:
    storage = settings.storage_of("any")
    assert isinstance(storage, PostgresStorage)
    return storage


def sqlite(settings: Settings) -> SqliteStorage:
    storage = settings.storage_of("any")
    assert isinstance(storage, SqliteStorage)
    return storage


@pytest.mark.parametrize(
    ("url", "points", "database"),
    [
        ("jdbc:postgresql://h1:5433,h2/d", (("h1", 5433), ("h2", 5432)), "d"),
        ("jdbc:postgresql://[::1]:5433/d", (("::1", 5433),), "d"),
        ("jdbc:postgresql:///d%20e", (("localhost", 5432),), "d e"),
        ("jdbc:postgresql:d", (("localhost", 5432),), "d"),
        ("jdbc:postgresql://h/?user=u", (("h", 5432),), "u"),
    ],
)
def test_an_url_of_postgresql_names_hosts_and_database(
    url: str, points: tuple[tuple[str, int], ...], database: str, loaded: Loaded
) -> None:
    storage = postgres(loaded(JDBC + url))
    assert (storage.contact_points, storage.database) == (points, database)


def test_the_parameters_of_an_url_are_fields(loaded: Loaded) -> None:
    storage = postgres(
        loaded(
            JDBC + "jdbc:postgresql://h/d?user=u&password=p%26q&ssl=true&sslrootcert=/ca.pem"
            "&currentSchema=s&ApplicationName=a%20b&connectTimeout=3&targetServerType=secondary\n"
            "scalar.db.jdbc.isolation_level=read_committed\n"
        )
    )
    assert (storage.username, storage.password) == ("u", "p&q")
    assert (storage.sslmode, storage.sslrootcert) == ("verify-full", "/ca.pem")
    assert storage.server_settings == {"search_path": "s", "application_name": "a b"}
    assert (storage.connect_timeout_seconds, storage.target) == (3, "standby")
    assert storage.isolation_level is JdbcIsolation.READ_COMMITTED


def test_the_mode_of_ssl_is_stronger_than_the_switch(loaded: Loaded) -> None:
    url = "jdbc:postgresql://h/d?ssl=true&sslmode=require"
    assert postgres(loaded(JDBC + url)).sslmode == "require"


def test_several_hosts_with_a_plain_comma_are_noted_since_scalardb_reads_one(
    loaded: Loaded,
) -> None:
    escaped, plain = (loaded(f"{JDBC}jdbc:postgresql://h1{comma}h2/d") for comma in ("\\\\,", ","))
    assert postgres(escaped).contact_points == postgres(plain).contact_points
    assert escaped.notes == ()
    [note] = plain.notes
    assert "ScalarDB reads the URL up to the comma" in note


def test_an_url_of_sqlite_names_the_file_and_how_it_is_opened(loaded: Loaded) -> None:
    url = "jdbc:sqlite:/var/a b.db?busy_timeout=10000&journal_mode=wal&synchronous=normal"
    assert sqlite(loaded(JDBC + url)) == SqliteStorage(
        "sqlite",
        "/var/a b.db",
        busy_timeout_millis=10_000,
    )


@pytest.mark.parametrize(
    ("sizes", "pool"),
    [
        ({}, Pool(min_idle=1, max_idle=None, max_total=10)),
        ({"max_total": 3}, Pool(min_idle=1, max_total=3)),
        ({"max_idle": 0}, Pool(min_idle=0, max_idle=0, max_total=10)),
        ({"min_idle": 20}, Pool(min_idle=20, max_total=20)),
        (
            {"min_idle": 0, "connection_timeout_millis": 7, "idle_timeout_millis": 8},
            Pool(min_idle=0, connection_timeout_millis=7, idle_timeout_millis=8),
        ),
    ],
)
def test_a_pool_is_as_it_is_told_and_fits(
    sizes: dict[str, int], pool: Pool, loaded: Loaded
) -> None:
    lines = [f"scalar.db.jdbc.connection_pool.{name}={size}" for name, size in sizes.items()]
    text = "\n".join([JDBC + "jdbc:postgresql://h/d", *lines])
    assert postgres(loaded(text)).pool == pool


def test_cassandra_is_what_contact_points_alone_mean(loaded: Loaded) -> None:
    settings = loaded("scalar.db.contact_points=c1, c2\nscalar.db.contact_port=0\n")
    assert settings.storage_of("any") == CassandraStorage("cassandra", ("c1", "c2"))


def test_a_storage_of_several_has_its_own_values_and_else_those_of_all(loaded: Loaded) -> None:
    pg, cass = loaded(TWO).storages.values()
    assert isinstance(pg, PostgresStorage)
    assert isinstance(cass, CassandraStorage)
    assert (pg.username, cass.username) == ("all", "own")


def test_the_default_storage_of_several_need_not_be_the_first(loaded: Loaded) -> None:
    text = TWO.replace("default_storage=pg", "default_storage=cass")
    assert loaded(text).storage_of("any").name == "cass"


def test_a_table_may_lie_elsewhere_than_its_namespace(loaded: Loaded) -> None:
    settings = loaded(
        f"{TWO}scalar.db.multi_storage.namespace_mapping=a:cass\n"
        "scalar.db.multi_storage.table_mapping=a.t:pg\n"
    )
    where = [settings.storage_of(*place).name for place in (("a", "t"), ("a", "u"), ("b", "t"))]
    assert where == ["pg", "cass", "pg"]
    [note] = settings.notes
    assert note.endswith("table_mapping is deprecated in ScalarDB: map namespaces instead")


def test_without_a_key_everything_is_as_in_scalardb_but_for_one_phase_commit() -> None:
    settings = load()
    commit = settings.consensus_commit
    assert commit == CommitOptions()
    assert (commit.isolation_level, commit.parallel_executor_count) == (Isolation.SNAPSHOT, 128)
    assert commit.one_phase_commit
    group = commit.group_commit
    assert (group.enabled, group.slot_capacity) == (False, 20)
    assert group.group_size_fix_timeout_millis == 40
    assert group.delayed_slot_move_timeout_millis == 1200
    assert group.old_group_abort_timeout_millis == 60_000
    assert settings.cross_partition_scan


@pytest.mark.parametrize(
    ("key", "follower"),
    [
        ("parallel_commit", "parallel_validation"),
        ("parallel_commit", "parallel_rollback"),
        ("async_commit", "async_rollback"),
    ],
)
def test_some_are_as_another_is_unless_they_are_given(
    key: str, follower: str, loaded: Loaded
) -> None:
    usual = getattr(CommitOptions(), key)
    turned = f"{CC}{key}.enabled={str(not usual).lower()}\n"
    assert getattr(loaded(turned).consensus_commit, follower) is not usual
    own = f"{turned}{CC}{follower}.enabled={str(usual).lower()}\n"
    assert getattr(loaded(own).consensus_commit, follower) is usual


def test_the_old_name_of_the_isolation_has_effect_and_a_note(loaded: Loaded) -> None:
    settings = loaded("scalar.db.isolation_level=serializable")
    assert settings.consensus_commit.isolation_level is Isolation.SERIALIZABLE
    [note] = settings.notes
    assert f"scalar.db.isolation_level is read as {CC}isolation_level" in note


@pytest.mark.parametrize(
    ("text", "note"),
    [
        (f"{CC}include_metadata.enabled=true", "means nothing here: what a transaction reads"),
        ("scalar.db.cluster.node.port=1", "means nothing here: it is of ScalarDB's servers"),
        ("log4j.level=info", "means nothing here: it does not begin with scalar.db."),
        (
            "scalar.db.multi_storage.default_storage=a",
            "means nothing without scalar.db.storage=multi-storage",
        ),
        (
            f"{JDBC}jdbc:sqlite:a.db\nscalar.db.username=u",
            "username means nothing here: it is not for jdbc-sqlite",
        ),
        (
            f"{JDBC}jdbc:postgresql://h/d?prepareThreshold=1",
            "the parameter prepareThreshold means nothing here: it tunes Java's driver",
        ),
        (
            f"{TWO}scalar.db.multi_storage.storages.pg.contact_port=1",
            "pg.contact_port means nothing here: it is not for jdbc-postgresql",
        ),
        (
            f"{TWO}scalar.db.multi_storage.storages.pg.cross_partition_scan.enabled=true",
            "means nothing below one storage: scalar.db.cross_partition_scan.enabled is of all",
        ),
        (
            f"{TWO}{CC}isolation_level=SERIALIZABLE",
            "isolation_level=SERIALIZABLE: scans over all partitions of cass are not",
        ),
    ],
)
def test_what_is_said_in_vain_is_noted_in_one_line(text: str, note: str, loaded: Loaded) -> None:
    [said] = loaded(text).notes
    assert said.startswith(f"a.properties:{len(text.splitlines())}: ")
    assert note in said


def test_odori_store_may_be_a_postgresql() -> None:
    settings = odori_store("postgresql://us%40er:p,%24{w}%2F@h:5433/shop?sslmode=require", {})
    storage = postgres(settings)
    assert (storage.name, storage.contact_points) == ("postgresql", (("h", 5433),))
    assert (storage.username, storage.password) == ("us@er", "p,${w}/")
    assert (storage.database, storage.sslmode) == ("shop", "require")
    assert (storage.pool.min_idle, storage.pool.max_total) == (1, 10)
    assert settings.notes == ()


def test_odori_store_may_be_several_hosts_without_a_login() -> None:
    storage = postgres(odori_store("postgres://h1,h2:5433/shop"))
    assert storage.contact_points == (("h1", 5432), ("h2", 5433))
    assert storage.username == ""


@pytest.mark.parametrize(("url", "path"), [("sqlite:///a,b.db", "a,b.db"), ("sqlite:////a", "/a")])
def test_odori_store_may_be_a_file_of_sqlite(url: str, path: str) -> None:
    settings = odori_store(url)
    assert sqlite(settings).path == path
    assert settings.notes == ()


def test_odori_store_may_be_a_properties_file(tmp_path: Path) -> None:
    file = tmp_path / "shop.properties"
    file.write_text("scalar.db.contact_points=${HOST}\n")
    assert odori_store(str(file), {"HOST": "c1"}).default_storage == "cassandra"


@pytest.mark.parametrize("url", ["mysql://u:s3cret@h/d", "sqlite://a.db", "shop.yaml", ""])
def test_odori_store_is_refused_as_anything_else(url: str) -> None:
    with pytest.raises(ConfigError, match="ODORI_STORE must be postgresql://user") as caught:
        odori_store(url)
    assert "s3cret" not in str(caught.value)


def test_what_is_wrong_with_the_url_of_odori_store_shows_no_password() -> None:
    with pytest.raises(ConfigError, match=r"^ODORI_STORE: .* names no database$") as caught:
        odori_store("postgresql://:s3cret@h/")
    assert "s3cret" not in str(caught.value)
