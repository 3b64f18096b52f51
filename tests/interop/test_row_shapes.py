"""Rows and coordinator rows that the Java side leaves, as each database has them."""

from typing import Any

import pytest

from tests.interop.conftest import GROUP_COMMIT
from tests.interop.java import Java
from tests.interop.places import Place, Row
from tests.interop.shop import Shop, refusal

pytestmark = pytest.mark.service

PREPARED, DELETED, COMMITTED, ABORTED = 1, 2, 3, 4
ONE_PHASE = {"scalar.db.consensus_commit.one_phase_commit.enabled": "true"}


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


async def test_a_grouped_commit_is_decided_under_its_groups_id(
    java: Java, place: Place, shelf: Shelf
) -> None:
    java.ask("open", store="grouped", properties={**place.properties, **GROUP_COMMIT})
    tx = shelf.insert(10, "grouped")
    parent, _, child = tx.partition("$")
    assert len(parent) == 24
    assert metadata(await shelf.on_disk()) == (tx, COMMITTED, 1, True, True)
    decided = await place.coordinator(parent)
    assert decided
    assert (decided["tx_state"], decided["tx_child_ids"]) == (COMMITTED, child)
    assert await place.coordinator(tx) is None
    java.ask("close", store="grouped")
