"""What is wrong with a configuration is refused in a sentence that tells how to mend it."""

import pytest

from infra.engine.config import load
from infra.engine.errors import ConfigError

from .conftest import Refused

CC = "scalar.db.consensus_commit."
JDBC = "scalar.db.storage=jdbc\nscalar.db.contact_points="
TWO = """scalar.db.storage=multi-storage
scalar.db.multi_storage.storages=pg,cass
scalar.db.multi_storage.storages.pg.storage=jdbc
scalar.db.multi_storage.storages.pg.contact_points=jdbc:postgresql://h/d
scalar.db.multi_storage.storages.cass.storage=cassandra
scalar.db.multi_storage.storages.cass.contact_points=c1
"""
TO_PG = "scalar.db.multi_storage.default_storage=pg\n"


@pytest.mark.parametrize(
    ("line", "nearest"),
    [
        ("scalar.db.contact_ponts=h", "scalar.db.contact_points"),
        (f"{CC}parallel_executor_cuont=1", f"{CC}parallel_executor_count"),
        ("scalar.db.multi_storage.storages.pg.usrname=u", "storages.pg.username"),
        ("scalar.db.multi_storage.storages.=u", "scalar.db.multi_storage.storages"),
        ("scalra.db.storage=jdbc", "scalar.db.storage"),
    ],
)
def test_an_unknown_key_is_refused_with_the_nearest_known_one(
    line: str, nearest: str, refused: Refused
) -> None:
    [said] = refused(line)
    key = line.partition("=")[0]
    assert said.startswith(f"a.properties:1: {key} is not known; the nearest known key is ")
    assert said.endswith(nearest)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (f"{CC}parallel_executor_count=0", "must be a whole number from 1 to 10000"),
        (f"{CC}parallel_executor_count=1.5", "must be a whole number from 1 to 10000"),
        (f"{CC}coordinator.group_commit.slot_capacity=many", "must be a whole number from 1 to"),
        (f"{CC}async_commit.enabled=yes", "must be true or false"),
        (f"{CC}isolation_level=CHAOS", "must be SNAPSHOT or SERIALIZABLE or READ_COMMITTED"),
        (f"{CC}coordinator.table=states", "must be state"),
        (f"{CC}coordinator.namespace=a.b", "must be a name without dots"),
        ("scalar.db.jdbc.isolation_level=NONE", "must be READ_UNCOMMITTED or READ_COMMITTED"),
        ("scalar.db.contact_port=70000", "must be a whole number from 0 to 65535"),
        (
            "scalar.db.metadata.cache_expiration_time_secs=-2",
            "must be a whole number of at least -1",
        ),
        ("scalar.db.cassandra.replication_factor=0", "must be a whole number from 1 to 100"),
        ("scalar.db.cassandra.replication_strategy=Simple", "must be SimpleStrategy or"),
        ("scalar.db.multi_storage.storages=a,a", "names a twice"),
        ("scalar.db.multi_storage.storages=a,b.c", "must be a list of different names"),
        ("scalar.db.multi_storage.namespace_mapping=a", "must be a list like namespace:storage"),
        ("scalar.db.multi_storage.namespace_mapping=a:x,a:y", "maps the namespace a twice"),
        ("scalar.db.multi_storage.table_mapping=a.t:x,a.t:x", "maps the table a.t twice"),
    ],
)
def test_a_value_that_may_not_be_is_refused_with_what_may(
    line: str, why: str, refused: Refused
) -> None:
    [said] = refused(f"\n{line}")
    assert said.startswith(f"a.properties:2: {line} {why}")


@pytest.mark.parametrize("name", ["dynamo", "cosmos", "s3", "blob-storage", "cloud-storage"])
def test_a_storage_that_the_engine_does_not_speak_is_refused(name: str, refused: Refused) -> None:
    [said] = refused(f"scalar.db.storage={name}\nscalar.db.contact_points=h")
    assert said == (
        f"a.properties:1: scalar.db.storage={name} must be jdbc or cassandra or multi-storage "
        "(Odori's engine has no others)"
    )


@pytest.mark.parametrize("name", ["single-crud-operation", "jdbc", "cluster"])
def test_another_transaction_manager_is_refused(name: str, refused: Refused) -> None:
    [said] = refused(f"scalar.db.transaction_manager={name}")
    assert f"transaction_manager={name} must be consensus-commit (Odori's engine has no" in said


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("jdbc:mysql://h/d", "is of mysql; Odori's engine speaks jdbc:postgresql: and jdbc:sqlite"),
        ("jdbc:oracle:thin:@h", "is of oracle; Odori's engine speaks"),
        ("postgresql://h/d", "is no JDBC URL; Odori's engine speaks"),
        ("jdbc:postgresql://h:0/d", "has hosts that are not host[:port][,host[:port]]"),
        ("jdbc:postgresql://h:99999/d", "has hosts that are not"),
        ("jdbc:postgresql://h/", "names no database"),
        ("jdbc:postgresql://h/d?sslmod=x", "the nearest known one is sslmode"),
        ("jdbc:postgresql://h/d?sslmode=x", "has sslmode=x; it must be disable or allow or"),
        ("jdbc:postgresql://h/d?targetServerType=preferPrimary", "it must be any or primary or"),
        ("jdbc:sqlite:", "must name a file by its path"),
        ("jdbc:sqlite::memory:", "must name a file by its path"),
        ("jdbc:sqlite:a.db?journal_mode=LOG", "has journal_mode=LOG; it must be WAL or DELETE"),
        ("jdbc:sqlite:a.db?busy_timeout=long", "it must be a whole number of at least 0"),
        ("jdbc:sqlite:a.db?bussy_timeout=1", "the nearest known one is busy_timeout"),
    ],
)
def test_an_url_that_cannot_be_used_is_refused(url: str, why: str, refused: Refused) -> None:
    [said] = refused(JDBC + url)
    assert said.startswith(f"a.properties:2: scalar.db.contact_points={url} ")
    assert why in said


@pytest.mark.parametrize(
    "url", ["jdbc:postgresql://eve:s3cret@h/d", "jdbc:postgresql://h/d?password=s3cret&x=1"]
)
def test_the_refusal_of_an_url_shows_no_password(url: str, refused: Refused) -> None:
    [said] = refused(JDBC + url)
    assert "***" in said
    assert "s3cret" not in said


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("storage=jdbc", "1: scalar.db.storage=jdbc needs scalar.db.contact_points"),
        ("storage=cassandra", "1: scalar.db.storage=cassandra needs scalar.db.contact_points"),
        ("contact_points=jdbc:sqlite:a", "is a JDBC URL, which needs scalar.db.storage=jdbc"),
        ("contact_points=h:9042", "must be hosts, host,host,...; their port is scalar.db.contact"),
        ("contact_points=h\nscalar.db.username=u", "2: scalar.db.username=u needs scalar.db.pass"),
        ("contact_points=h\nscalar.db.password=p", "2: scalar.db.password=*** needs scalar.db.us"),
        ("jdbc.table_metadata.schema=other", "must be scalardb"),
    ],
)
def test_what_needs_something_else_says_so(text: str, why: str, refused: Refused) -> None:
    [said] = refused(f"scalar.db.{text}")
    assert why in said


@pytest.mark.parametrize(
    ("sizes", "why"),
    [
        (("min_idle=9", "max_total=8"), "min_idle=9 must be at most max_total, 8"),
        (("max_idle=9", "max_total=8"), "max_idle=9 must be at most max_total, 8"),
        (("min_idle=9", "max_idle=8"), "min_idle=9 must be at most max_idle, 8"),
    ],
)
def test_the_sizes_of_a_pool_must_fit(sizes: tuple[str, ...], why: str, refused: Refused) -> None:
    lines = [f"scalar.db.jdbc.connection_pool.{size}" for size in sizes]
    [said] = refused("\n".join([JDBC + "jdbc:postgresql://h/d", *lines]))
    assert said.endswith(why)


def test_a_login_may_not_contradict_the_urls(refused: Refused) -> None:
    [said] = refused(JDBC + "jdbc:postgresql://h/d?user=a\nscalar.db.username=b")
    assert said.startswith("a.properties:3: scalar.db.username=b contradicts the URL at a.prop")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "scalar.db.storage=multi-storage needs scalar.db.multi_storage.default_storage"),
        (
            "scalar.db.multi_storage.default_storage=pq\n",
            (
                "default_storage=pq names the storage pq, which "
                "scalar.db.multi_storage.storages does not name; the nearest one there is pg"
            ),
        ),
        (
            TO_PG + "scalar.db.multi_storage.namespace_mapping=a:pg,b:cas\n",
            (
                "names the storage cas, which scalar.db.multi_storage.storages does not name; "
                "the nearest one there is cass"
            ),
        ),
        (TO_PG + "scalar.db.multi_storage.table_mapping=a.t:x\n", "names the storage x, which"),
        (TO_PG + "scalar.db.multi_storage.table_mapping=t:pg\n", "has t without its namespace"),
        (
            TO_PG + "scalar.db.multi_storage.storages.pgx.username=u\n",
            "storages.pgx.username=u is of the storage pgx, which",
        ),
    ],
)
def test_storages_are_named_as_they_are_defined(text: str, why: str, refused: Refused) -> None:
    [said] = refused(TWO + text)
    assert why in said


def test_a_key_that_is_like_no_other_is_refused_too(refused: Refused) -> None:
    [said] = refused("scalar.db.zzz=1")
    assert said.startswith("a.properties:1: scalar.db.zzz is not known; the nearest known key is")


def test_several_storages_must_be_named(refused: Refused) -> None:
    assert refused("scalar.db.storage=multi-storage") == [
        "a.properties:1: scalar.db.storage=multi-storage needs scalar.db.multi_storage.storages"
    ]


def test_each_of_several_says_what_it_is(refused: Refused) -> None:
    [said] = refused(
        f"scalar.db.storage=multi-storage\nscalar.db.multi_storage.storages=pg\n{TO_PG}"
    )
    assert said.endswith("=pg needs scalar.db.multi_storage.storages.pg.storage")


def test_none_of_several_is_several_itself(refused: Refused) -> None:
    text = TWO.replace("pg.storage=jdbc", "pg.storage=multi-storage")
    [said] = refused(text + TO_PG)
    assert said.endswith("=multi-storage: a storage of several cannot be several itself")


def test_where_nothing_is_configured_no_namespace_has_a_storage() -> None:
    with pytest.raises(ConfigError, match=r"set scalar\.db\.storage and contact_points"):
        load().storage_of("order")
