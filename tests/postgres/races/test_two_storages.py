"""A batch over two databases: what aborts after preparing was never published."""

from collections.abc import Callable
from pathlib import Path

import pytest

from domains.inventory.rows import Reservation, Stock
from infra.engine.consensus import ConsensusCommit
from infra.engine.engine import Engine
from infra.engine.errors import Unavailable
from infra.engine.postgres import PostgresStorage
from infra.engine.table import ABORTED
from schemas.order import OrderPlaced
from tests.postgres.conftest import new_database
from tests.races.desk import Desk, names
from tests.races.places import Fault, OnPostgres
from tests.stores import execute, remember, store_of
from tests.trade import event, shelves

PREPARED = [(1,)]

pytestmark = pytest.mark.service


class OnTwo(OnPostgres):
    """Stock in a database of its own, all else and the coordinator in the folder's."""

    def __init__(self, folder: Path, domain: str) -> None:
        super().__init__(store_of(folder), domain)
        self._other = store_of(folder / "other")

    def engine(self, fault: Fault) -> Engine:
        storages = [
            PostgresStorage(store, name=name, fault=fault)
            for name, store in (("first", self._store), ("other", self._other))
        ]
        return ConsensusCommit(storages, tables={"inventory.stock": "other"})


@pytest.fixture
def desk(tmp_path: Path, postgres: str) -> Desk:
    remember(tmp_path / "other", new_database(postgres))
    made = Desk("inventory", tmp_path, place_of=OnTwo)
    assert isinstance(made.engine, ConsensusCommit)
    made.run(made.engine.admin.create_coordinator_tables())
    made.write(*shelves(10))
    return made


def when_prepared(desk: Desk, folder: Path, then: Callable[[], None]) -> None:
    """Do this once, as soon as the next batch is prepared in both databases."""
    written = [1, 2]

    def fault(point: str) -> None:
        if point == "after-commit" and written:
            written.pop()
            if not written:
                for place, table in ((folder, "outbox"), (folder / "other", "stock")):
                    found = execute(place, "inventory", f"""SELECT DISTINCT tx_state
                        FROM "inventory${table}" WHERE tx_state = 1""")  # fmt: skip
                    assert found == PREPARED
                then()

    desk.fault = fault


def held(desk: Desk) -> int:
    """Units that are reserved, as anybody reads them."""
    tx, codec = desk.engine.begin(), desk.codec(Stock)
    records = desk.run(tx.scan_all(codec.table))
    desk.run(tx.rollback())
    return sum(codec.decode(record).reserved_quantity for record in records)


def test_a_batch_that_aborts_after_preparing_was_never_published(
    desk: Desk, tmp_path: Path
) -> None:
    reader = Desk("inventory", tmp_path, place_of=OnTwo)

    def fails() -> None:
        assert reader.run(reader.page(desk.lane.name, 0, 10)) == []
        raise Unavailable("a database is gone")

    when_prepared(desk, tmp_path, fails)
    with pytest.raises(Unavailable):
        desk.hear(event(OrderPlaced))
    assert desk.run(desk.relay.flush())
    assert (desk.sent, desk.said(), desk.rows(Reservation), held(desk)) == ([], [], [], 0)
    assert names(desk.hear(event(OrderPlaced))) == ["StockReserved"]
    assert desk.run(desk.relay.flush())
    assert ([e.sequence for e in desk.sent], held(desk)) == ([1], 3)
    assert len(reader.run(reader.page(desk.lane.name, 0, 10))) == 1


def test_a_batch_that_somebody_aborted_after_preparing_runs_again_and_is_published_once(
    desk: Desk, tmp_path: Path
) -> None:
    other = Desk("inventory", tmp_path, place_of=OnTwo)

    def taken_for_dead() -> None:
        found = execute(tmp_path, "inventory", """SELECT DISTINCT tx_id FROM "inventory$outbox" """)
        [(tx_id,)] = found
        engine = other.engine
        assert isinstance(engine, ConsensusCommit)
        assert other.run(engine.coordinator.abort(tx_id)).state == ABORTED

    when_prepared(desk, tmp_path, taken_for_dead)
    assert names(desk.hear(event(OrderPlaced))) == ["StockReserved"]
    assert desk.handler.conflicts == 1
    assert desk.run(desk.relay.flush())
    assert ([e.sequence for e in desk.sent], held(desk)) == ([1], 3)
