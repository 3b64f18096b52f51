"""The configuration files of the architecture document load as they stand."""

from pathlib import Path

from infra.engine.config import (
    CassandraStorage,
    Isolation,
    Pool,
    PostgresStorage,
    Settings,
    load,
)

DOCUMENTS = Path(__file__).parent / "documents"
#: What the documents' files ask of the environment.
ENVIRON = {
    "DB_USER": "dba",
    "DB_PASSWORD": "db-secret",
    "POSTGRES_USER": "pat",
    "POSTGRES_PASSWORD": "pat-secret",
    "CASSANDRA_USER": "cas",
    "CASSANDRA_PASSWORD": "cas-secret",
}


def document(*names: str) -> Settings:
    return load(*(DOCUMENTS / f"{name}.properties" for name in names), environ=ENVIRON)


def test_the_coordinators_file_sets_group_commit_and_the_executor() -> None:
    settings = document("coordinator")
    commit, group = settings.consensus_commit, settings.consensus_commit.group_commit
    assert (commit.coordinator_namespace, commit.parallel_executor_count) == ("coordinator", 32)
    assert (group.enabled, group.slot_capacity) == (True, 20)
    assert group.group_size_fix_timeout_millis == 40
    assert group.delayed_slot_move_timeout_millis == 800
    assert group.old_group_abort_timeout_millis == 60_000
    assert len(settings.notes) == 5
    assert "coordinator.table means nothing here" in settings.notes[0]
    assert "parallel_preparation_enabled is read as" in settings.notes[1]


def test_the_postgres_file_is_one_storage_with_its_pool() -> None:
    settings = document("postgres-storage")
    assert settings.storages == {
        "postgresql": PostgresStorage(
            "postgresql",
            contact_points=(("postgres-primary", 5432),),
            database="scalardb",
            username="dba",
            password="db-secret",
            pool=Pool(min_idle=10, max_idle=50, max_total=100),
        )
    }
    assert settings.default_storage == "postgresql"
    assert settings.notes == ()


def test_the_cassandra_file_is_one_storage_with_its_datacenter() -> None:
    settings = document("cassandra-storage")
    assert settings.storages == {
        "cassandra": CassandraStorage(
            "cassandra",
            contact_points=("cassandra-1", "cassandra-2", "cassandra-3"),
            contact_port=9042,
            username="cas",
            password="cas-secret",
            local_datacenter="dc1",
        )
    }


def test_the_whole_file_maps_namespaces_to_two_storages() -> None:
    settings = document("scalardb")
    assert list(settings.storages) == ["postgres", "cassandra"]
    for namespace in ("identity", "audit", "file", "coordinator", "elsewhere"):
        assert settings.storage_of(namespace).name == "postgres"
    events = settings.storage_of("event")
    assert isinstance(events, CassandraStorage)
    assert (events.contact_port, events.username, events.password) == (9042, "cas", "cas-secret")
    assert settings.consensus_commit.isolation_level is Isolation.SNAPSHOT


def test_the_tuning_block_loads_alone_and_over_the_others() -> None:
    assert document("tuning").storages == {}
    settings = document("scalardb", "coordinator", "tuning")
    postgres = settings.storages["postgres"]
    assert isinstance(postgres, PostgresStorage)
    assert postgres.pool == Pool(max_idle=50, max_total=100)
    assert settings.consensus_commit.group_commit.delayed_slot_move_timeout_millis == 800


def test_no_password_shows_where_settings_are_shown() -> None:
    assert "secret" not in repr(document("scalardb"))
