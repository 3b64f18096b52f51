"""Rows and coordinator rows that the Java side leaves, as each database has them."""

import asyncio
from typing import Any

import pytest

from tests.interop.java import Java, running
from tests.interop.places import CassandraPlace, Place, PostgresPlace, Row, together
from tests.interop.shop import Shop, Transaction, refusal

pytestmark = pytest.mark.service

PREPARED, DELETED, COMMITTED, ABORTED = 1, 2, 3, 4
ONE_PHASE = {"scalar.db.consensus_commit.one_phase_commit.enabled": "true"}
GROUP = "scalar.db.consensus_commit.coordinator.group_commit"
#: A group of two that waits for both: for longer than any test.
PAIRS = {
    f"{GROUP}.enabled": "true",
    f"{GROUP}.slot_capacity": "2",
    f"{GROUP}.group_size_fix_timeout_millis": "60000",
    f"{GROUP}.delayed_slot_move_timeout_millis": "60000",
}


class Shelf(Shop):
    """A table of one value per key, seen from both sides."""

    def __init__(self, java: Java, place: Place, namespace: str) -> None:
        super().__init__(java, place.name, namespace, "shelf")
        self.place = place
        self.create({"id": "INT", "v": "INT"}, ["id"])

    async def on_disk(self, number: int = 1) -> Row | None:
        return await self.place.row(self.namespace, "shelf", id=number)

    def insert(self, value: int, store: str | None = None) -> str:
        """Commit row 1; the transaction's id."""
        shop = Shop(self.java, store or self.store, self.namespace, "shelf")
        with shop.committed() as tx:
            tx.do("insert", key={"id": 1}, values={"v": value})
        return str(tx.id)


@pytest.fixture
def shelf(java: Java, place: Place, namespace: str) -> Shelf:
    return Shelf(java, place, namespace)


def metadata(row: Row | None, prefix: str = "") -> tuple[Any, ...]:
    """tx_id, state, version, and whether there are both times."""
    assert row
    times = [row[f"{prefix}tx_{name}_at"] is not None for name in ("prepared", "committed")]
    return (*(row[f"{prefix}tx_{name}"] for name in ("id", "state", "version")), *times)


NOTHING = (None, None, None, False, False)


async def test_a_committed_row_has_its_transactions_time_and_no_before_image(shelf: Shelf) -> None:
    first = shelf.insert(10)
    row = await shelf.on_disk()
    assert row
    assert metadata(row) == (first, COMMITTED, 1, True, True)
    assert metadata(row, "before_") == NOTHING
    decided = await shelf.place.coordinator(first)
    assert decided
    assert (decided["tx_state"], decided["tx_created_at"]) == (COMMITTED, row["tx_committed_at"])
    with shelf.committed() as tx:
        tx.do("update", key={"id": 1}, values={"v": 11})
    row = await shelf.on_disk()
    assert metadata(row) == (tx.id, COMMITTED, 2, True, True)
    assert metadata(row, "before_") == NOTHING


async def test_a_prepared_update_keeps_the_old_row_beside_and_a_rollback_restores_it(
    shelf: Shelf,
) -> None:
    first = shelf.insert(10)
    old = await shelf.on_disk()
    assert old
    tx = shelf.begin(twoPhase=True)
    tx.do("update", key={"id": 1}, values={"v": 11})
    tx.do("insert", key={"id": 2}, values={"v": 20})
    tx.end("prepare")
    row = await shelf.on_disk()
    assert row
    assert metadata(row) == (tx.id, PREPARED, 2, True, True)
    assert row["tx_committed_at"] == old["tx_committed_at"]
    assert metadata(row, "before_") == (first, COMMITTED, 1, True, True)
    assert (row["v"], row["before_v"]) == (11, 10)
    assert metadata(await shelf.on_disk(2)) == (tx.id, PREPARED, 1, True, False)
    assert await shelf.place.coordinator(tx.id) is None
    assert refusal(shelf.begin(), "get", key={"id": 1}) == "UncommittedRecordException"
    tx.end("rollback")
    assert await shelf.on_disk() == old
    assert await shelf.on_disk(2) is None
    decided = await shelf.place.coordinator(tx.id)
    assert decided
    assert decided["tx_state"] == ABORTED


async def test_a_delete_is_a_state_until_it_is_committed(shelf: Shelf) -> None:
    first = shelf.insert(10)
    tx = shelf.begin(twoPhase=True)
    tx.do("delete", key={"id": 1})
    tx.do("delete", key={"id": 3})
    tx.end("prepare")
    row = await shelf.on_disk()
    assert row
    assert metadata(row) == (tx.id, DELETED, 2, True, True)
    assert metadata(row, "before_") == (first, COMMITTED, 1, True, True)
    assert row["v"] == row["before_v"] == 10
    assert metadata(await shelf.on_disk(3)) == (tx.id, DELETED, 1, True, False)
    tx.end("validate")
    tx.end("commit")
    assert await shelf.place.rows(shelf.namespace, "shelf") == []


async def test_two_participants_share_one_decision(java: Java, place: Place, shelf: Shelf) -> None:
    java.ask("open", store="partner", properties=place.properties)
    partner = Shop(java, "partner", shelf.namespace, "shelf")
    one = shelf.begin(twoPhase=True)
    other = partner.join(one.id)
    one.do("insert", key={"id": 1}, values={"v": 1})
    other.do("insert", key={"id": 2}, values={"v": 2})
    for how in ("prepare", "validate", "commit"):
        for tx in (one, other):
            tx.end(how)
    for number in (1, 2):
        assert metadata(await shelf.on_disk(number)) == (one.id, COMMITTED, 1, True, True)
    java.ask("close", store="partner")


async def test_one_phase_commits_leave_no_coordinator_row(
    java: Java, place: Place, shelf: Shelf
) -> None:
    java.ask("open", store="one-phase", properties={**place.properties, **ONE_PHASE})
    tx = shelf.insert(10, "one-phase")
    row = await shelf.on_disk()
    assert row
    assert metadata(row) == (tx, COMMITTED, 1, True, True)
    assert row["tx_prepared_at"] == row["tx_committed_at"]
    assert await place.coordinator(tx) is None
    java.ask("close", store="one-phase")


def pair(java: Java, shelf: Shelf) -> list[Transaction]:
    """Two of one group, which is closed and waits for both; each has a row to insert."""
    java.ask("open", store="pair", properties={**shelf.place.properties, **PAIRS})
    shop = Shop(java, "pair", shelf.namespace, "shelf")
    both = [shop.begin(), shop.begin()]
    for number, tx in enumerate(both, start=1):
        tx.do("insert", key={"id": number}, values={"v": 0})
    return both


async def test_a_group_is_decided_in_one_row_under_its_own_id(java: Java, shelf: Shelf) -> None:
    both = pair(java, shelf)
    await asyncio.gather(*(java.answer("commit", handle=tx.handle) for tx in both))
    parents, children = zip(*(tx.id.split("$") for tx in both), strict=True)
    assert len(set(parents)) == 1
    assert len(parents[0]) == 24
    decided = await shelf.place.coordinator(parents[0])
    assert decided
    assert decided["tx_state"] == COMMITTED
    assert set(decided["tx_child_ids"].split(",")) == set(children)
    for number, tx in enumerate(both, start=1):
        assert metadata(await shelf.on_disk(number)) == (tx.id, COMMITTED, 1, True, True)
        assert await shelf.place.coordinator(tx.id) is None
    java.ask("close", store="pair")


async def test_a_killed_group_leaves_its_rows_prepared_and_undecided(shelf: Shelf) -> None:
    with running() as victim:
        first = pair(victim, shelf)[0]
        under_way = victim.send("commit", handle=first.handle)
        while await shelf.on_disk() is None:
            assert not under_way.done()
        victim.kill()
    assert metadata(await shelf.on_disk()) == (first.id, PREPARED, 1, True, False)
    assert await shelf.on_disk(2) is None
    assert await shelf.place.coordinator(first.id.split("$")[0]) is None
    assert shelf.ask_plain("abort", tx=first.id) == "ABORTED"
    assert shelf.get(id=1) is None
    for key in (first.id.split("$")[0], first.id):
        decided = await shelf.place.coordinator(key)
        assert decided
        assert (decided["tx_state"], decided["tx_child_ids"]) == (ABORTED, None)


async def test_one_transaction_spans_two_databases(
    java: Java, postgres_place: PostgresPlace, cassandra_place: CassandraPlace
) -> None:
    homes: dict[str, Place] = {"here": postgres_place, "there": cassandra_place}
    java.ask("open", store="both", properties=together(postgres_place, homes))
    for namespace in homes:
        java.ask("createNamespace", store="both", namespace=namespace)
        Shop(java, "both", namespace, "shelf").create({"id": "INT", "v": "INT"}, ["id"])
    with Shop(java, "both", "here", "shelf").committed() as tx:
        for namespace in homes:
            tx.do("insert", namespace=namespace, key={"id": 1}, values={"v": 7})
    for namespace, place in homes.items():
        row = await place.row(namespace, "shelf", id=1)
        assert metadata(row) == (tx.id, COMMITTED, 1, True, True)
    decided = await postgres_place.coordinator(tx.id)
    assert decided
    assert decided["tx_state"] == COMMITTED
    java.ask("close", store="both")
