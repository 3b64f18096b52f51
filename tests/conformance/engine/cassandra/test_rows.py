"""The row shapes that ScalarDB leaves on Cassandra at each step."""

from collections.abc import Sequence
from typing import Any

import pytest
from cassandra.cluster import Session

from infra.engine.cassandra import CassandraStorage
from infra.engine.errors import Conflict
from infra.engine.storage import Change, Ending
from infra.engine.table import Key, Value
from tests.conformance.engine.cases import APPLE, PEAR, STOCK, Use, read

pytestmark = pytest.mark.needs("cassandra")

OLD = {"left": 3, "shelf": "a", "tx_id": "t1", "tx_state": 3, "tx_version": 1}
OLD |= {"tx_prepared_at": 10, "tx_committed_at": 11}
BEFORE = {f"before_{column}": value for column, value in OLD.items()}


def on_disk(driver: Session, key: Key) -> dict[str, Value]:
    """What a row of STOCK has beside its key, without what is NULL."""
    query = "SELECT * FROM shop.stock WHERE category = %s AND product = %s"
    rows = driver.execute(query, key).all()
    assert len(rows) == 1
    return {c: v for c, v in rows[0].items() if v is not None and c not in STOCK.keys}


def change(**parts: Sequence[Any]) -> Change:
    return Change(STOCK, *(list(parts.get(kind, ())) for kind in Change._fields[1:]))


class TestRows:
    async def prepared(self, storage: CassandraStorage, tx_id: str, at: int, what: Change) -> None:
        session = storage.session()
        await session.rows([(STOCK, what.keys)], [])
        await session.prepare(tx_id, [what], at)

    async def old(self, storage: CassandraStorage) -> None:
        await self.prepared(storage, "t1", 10, change(inserts=[(*APPLE, 3, "a")]))
        await storage.finish("t1", [Ending(STOCK, [APPLE], [])], 11)

    async def test_an_insert(self, use: Use, driver: Session) -> None:
        async with use() as engine:
            storage = engine.storages["cassandra"]
            await self.prepared(storage, "t1", 10, change(inserts=[(*APPLE, 3, None)]))
            assert on_disk(driver, APPLE) == {
                "left": 3, "tx_id": "t1", "tx_state": 1, "tx_version": 1, "tx_prepared_at": 10,
            }  # fmt: skip
            await storage.finish("t1", [Ending(STOCK, [APPLE], [])], 11)
            assert on_disk(driver, APPLE) == {
                "left": 3, "tx_id": "t1", "tx_state": 3, "tx_version": 1, "tx_prepared_at": 10,
                "tx_committed_at": 11,
            }  # fmt: skip

    async def test_an_update_and_its_rollback(self, use: Use, driver: Session) -> None:
        async with use() as engine:
            storage = engine.storages["cassandra"]
            await self.old(storage)
            assert on_disk(driver, APPLE) == OLD
            await self.prepared(storage, "t2", 20, change(updates=[(*APPLE, 2, None, "t1")]))
            assert on_disk(driver, APPLE) == BEFORE | {
                "left": 2, "tx_id": "t2", "tx_state": 1, "tx_version": 2, "tx_prepared_at": 20,
                "tx_committed_at": 11,
            }  # fmt: skip
            await storage.finish("t2", [Ending(STOCK, [APPLE], [])], None)
            assert on_disk(driver, APPLE) == OLD

    async def test_an_update_and_its_commit(self, use: Use, driver: Session) -> None:
        async with use() as engine:
            storage = engine.storages["cassandra"]
            await self.old(storage)
            await self.prepared(storage, "t2", 20, change(updates=[(*APPLE, 2, "b", "t1")]))
            await storage.finish("t2", [Ending(STOCK, [APPLE], [])], 21)
            assert on_disk(driver, APPLE) == {
                "left": 2, "shelf": "b", "tx_id": "t2", "tx_state": 3, "tx_version": 2,
                "tx_prepared_at": 20, "tx_committed_at": 21,
            }  # fmt: skip

    @pytest.mark.parametrize("committed_at", [21, None])
    async def test_a_delete_and_both_its_ends(
        self, use: Use, driver: Session, committed_at: int | None
    ) -> None:
        async with use() as engine:
            storage = engine.storages["cassandra"]
            await self.old(storage)
            await self.prepared(storage, "t2", 20, change(deletes=[(*APPLE, "t1")]))
            assert on_disk(driver, APPLE) == BEFORE | {
                "left": 3, "shelf": "a", "tx_id": "t2", "tx_state": 2, "tx_version": 2,
                "tx_prepared_at": 20, "tx_committed_at": 11,
            }  # fmt: skip
            ending = Ending(STOCK, [], [APPLE]) if committed_at else Ending(STOCK, [APPLE], [])
            await storage.finish("t2", [ending], committed_at)
            if committed_at:
                assert await storage.images(STOCK, [APPLE]) == {}
            else:
                assert on_disk(driver, APPLE) == OLD

    @pytest.mark.parametrize("committed_at", [21, None])
    async def test_a_tombstone_of_a_missing_row_goes_either_way(
        self, use: Use, driver: Session, committed_at: int | None
    ) -> None:
        async with use() as engine:
            storage = engine.storages["cassandra"]
            await self.prepared(storage, "t2", 20, change(absent=[APPLE]))
            assert on_disk(driver, APPLE) == {
                "tx_id": "t2", "tx_state": 2, "tx_version": 1, "tx_prepared_at": 20,
            }  # fmt: skip
            await storage.finish("t2", [Ending(STOCK, [], [APPLE])], committed_at)
            assert await storage.images(STOCK, [APPLE]) == {}

    async def test_one_phase(self, use: Use, driver: Session) -> None:
        async with use(clock=lambda: 30) as engine:
            storage = engine.storages["cassandra"]
            await self.old(storage)
            session = storage.session()
            updated = change(updates=[(*APPLE, 2, None, "t1")], inserts=[(*PEAR, 1, "b")])
            assert await session.write("t3", [updated]) == 30
            tx = {"tx_id": "t3", "tx_state": 3, "tx_prepared_at": 30, "tx_committed_at": 30}
            assert on_disk(driver, APPLE) == {"left": 2, "tx_version": 2, **tx}
            assert on_disk(driver, PEAR) == {"left": 1, "shelf": "b", "tx_version": 1, **tx}
            await session.write("t4", [change(deletes=[(*APPLE, "t3")])])
            assert await storage.images(STOCK, [APPLE]) == {}
            assert driver.execute("SELECT * FROM coordinator.state").all() == []

    async def test_a_row_without_metadata_gets_it_and_loses_it_again(
        self, use: Use, driver: Session
    ) -> None:
        driver.execute(
            'INSERT INTO shop.stock (category, product, "left") VALUES (%s, %s, 3)', APPLE
        )
        async with use() as engine:
            storage = engine.storages["cassandra"]
            await self.prepared(storage, "t2", 20, change(updates=[(*APPLE, 2, "b", None)]))
            assert on_disk(driver, APPLE) == {
                "left": 2, "shelf": "b", "tx_id": "t2", "tx_state": 1, "tx_version": 1,
                "tx_prepared_at": 20, "before_left": 3, "before_tx_version": 0,
            }  # fmt: skip
            await storage.finish("t2", [Ending(STOCK, [APPLE], [])], None)
            assert on_disk(driver, APPLE) == {"left": 3}

    async def test_a_row_without_metadata_that_is_gone_is_not_made_anew(
        self, use: Use, driver: Session
    ) -> None:
        driver.execute(
            'INSERT INTO shop.stock (category, product, "left") VALUES (%s, %s, 3)', APPLE
        )
        async with use() as engine:
            transaction = engine.begin()
            await transaction.fetch({STOCK: [APPLE]})
            driver.execute("DELETE FROM shop.stock WHERE category = %s AND product = %s", APPLE)
            transaction.put(STOCK, (*APPLE, 2, None))
            with pytest.raises(Conflict, match="apple"):
                await transaction.commit()
            assert await read(engine, APPLE) is None

    async def test_what_others_have_finished_is_left_alone(self, use: Use, driver: Session) -> None:
        async with use() as engine:
            storage = engine.storages["cassandra"]
            await self.old(storage)
            rows = [(*APPLE, 2, None, "t1")]
            await self.prepared(storage, "t2", 20, change(updates=rows, inserts=[(*PEAR, 1, None)]))
            await storage.finish("t2", [Ending(STOCK, [APPLE], [])], 21)
            await storage.finish("t2", [Ending(STOCK, [APPLE, PEAR], [])], 22)
            assert on_disk(driver, APPLE)["tx_committed_at"] == 21
            assert on_disk(driver, PEAR)["tx_committed_at"] == 22
            await storage.finish("t2", [Ending(STOCK, [APPLE], [PEAR])], None)
            assert on_disk(driver, PEAR)["tx_committed_at"] == 22
