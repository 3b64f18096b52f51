"""docs/engine-configuration.md shows the keys as they are, and its examples load."""

from pathlib import Path

import pytest

from infra.engine.config import Pool, PostgresStorage, load, odori_store
from tests.docs.engine_configuration import PAGE, drawn, shown
from tests.docs.readme import blocks


def test_the_table_of_keys_is_the_codes() -> None:
    assert shown(PAGE.read_text("utf-8")) == drawn(), "mend with: make golden"


def test_the_pages_tell_the_pool_as_it_is() -> None:
    page = " ".join(PAGE.read_text("utf-8").split())
    [storage] = odori_store("postgresql://h/d").storages.values()
    assert isinstance(storage, PostgresStorage)
    assert storage.pool == Pool()
    assert f"`min_idle` ({Pool.min_idle}, ScalarDB: 20) and `max_total` ({Pool.max_total}," in page
    assert f"a pool of {Pool.min_idle} to {Pool.max_total} connections" in page
    operations = (PAGE.parent / "operations.md").read_text("utf-8")
    assert f"A process uses up to {Pool.max_total};" in operations


@pytest.mark.parametrize("number", range(2))
def test_an_example_loads_without_a_note(number: int, tmp_path: Path) -> None:
    file = tmp_path / "shop.properties"
    file.write_text(blocks("properties", PAGE)[number])
    settings = load(file, environ={"DB_USER": "u", "DB_PASSWORD": "p"})
    assert settings.notes == ()
    assert settings.storage_of("order").kind == "jdbc-postgresql"
