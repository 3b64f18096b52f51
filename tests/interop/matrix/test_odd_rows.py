"""Rows and values that are unusual mean the same to both engines, or are refused by both."""

import math
import time
from datetime import UTC, date, datetime
from uuid import uuid4

import pytest

from infra.engine.errors import WriteRefused
from infra.engine.table import ABORTED, COMMITTED, Table, Type
from tests.interop.matrix import disk
from tests.interop.matrix.by_hand import both, by_hand, on_disk, prepared, told
from tests.interop.matrix.meeting import Meeting, fresh
from tests.interop.matrix.sides import Refused
from tests.interop.matrix.values import Row
from tests.interop.places import PostgresPlace

pytestmark = pytest.mark.service


ODD: dict[str, tuple[Row, object, bool]] = {
    # metadata -> what is read -> whether the row is still there
    "an unknown state": ({"tx_state": 4}, "uncommitted", True),
    "no state": ({"tx_state": None}, 1, True),
    "no time": ({"tx_prepared_at": None}, None, False),
    "a stale image": (
        {"tx_state": COMMITTED, "before_tx_id": "x", "before_tx_version": 1, "before_v": 7},
        1,
        True,
    ),
    "an image without version or id": (
        {"tx_version": 2, "before_v": 7, "before_tx_state": COMMITTED},
        None,
        False,
    ),
}


@pytest.mark.parametrize("what", ODD)
async def test_odd_metadata_means_the_same_to_both(meeting: Meeting, what: str) -> None:
    metadata, value, stays = ODD[what]
    async with both(meeting) as sides:
        for side in sides:
            tx_id = str(uuid4())
            at = {"tx_prepared_at": int(time.time() * 1_000)} if value == "uncommitted" else {}
            key = await by_hand(meeting, **prepared(tx_id, **metadata, **at))
            before = await on_disk(meeting, key)
            assert await told(side, meeting.left, key) == value
            if stays:
                assert await on_disk(meeting, key) == before
                assert await meeting.place.coordinator(tx_id) is None
            else:
                while await on_disk(meeting, key):
                    assert await told(side, meeting.left, key) == value
                decided = await meeting.place.coordinator(tx_id)
                assert decided
                assert decided["tx_state"] == ABORTED


async def test_a_damaged_row_of_the_coordinator_is_no_conflict(meeting: Meeting) -> None:
    async with both(meeting) as sides:
        for side in sides:
            tx_id = str(uuid4())
            key = await by_hand(meeting, **prepared(tx_id))
            decision = disk.decision(meeting.place, tx_id, COMMITTED, 0)
            await disk.run(meeting.place, [decision])
            said = await told(side, meeting.left, key)
            assert isinstance(said, str)
            assert said not in ("uncommitted", "conflict")


async def test_a_committed_row_without_a_version_goes_on_with_one(meeting: Meeting) -> None:
    async with both(meeting) as sides:
        for side in sides:
            metadata = prepared(str(uuid4()), tx_state=COMMITTED, tx_version=None)
            key = await by_hand(meeting, **metadata)
            tx = await side.begin()
            await tx.write("update", meeting.left, key | {"v": 2})
            await tx.end()
            row = await on_disk(meeting, key)
            assert row
            assert (row["v"], row["tx_version"]) == (2, 1)


async def test_a_row_without_metadata_is_given_back_as_it_was(meeting: Meeting) -> None:
    async with both(meeting) as (java, python):
        for writer, reader in ((java, python), (python, java)):
            key = await by_hand(meeting)
            before = await on_disk(meeting, key)
            tx = await writer.share(str(uuid4()))
            await tx.write("update", meeting.left, key | {"v": 2})
            await tx.end("prepare")
            row = await on_disk(meeting, key)
            assert row
            assert (row["tx_version"], row["before_tx_version"], row["before_tx_id"]) == (
                1,
                0,
                None,
            )
            decision = disk.decision(meeting.place, tx.id, ABORTED, 1)
            await disk.run(meeting.place, [decision])
            assert await told(reader, meeting.left, key) == 1
            while await on_disk(meeting, key) != before:
                assert await told(reader, meeting.left, key) == 1


async def test_both_refuse_an_empty_partition_key(meeting: Meeting) -> None:
    async with both(meeting) as sides:
        for side in sides:
            with pytest.raises(Refused, match="bad request"):
                await side.commit(
                    meeting.left, [{"pk": "", "ck": 1, "v": 1, "tag": None, "note": None}]
                )


async def test_what_java_could_not_read_is_not_written(meeting: Meeting) -> None:
    columns = {"id": Type.INT, "d": Type.DATE, "tz": Type.TIMESTAMPTZ, "t": Type.TIME}
    table = Table(meeting.namespace, "times", columns, ("id",))
    async with both(meeting) as (_, python):
        await python.engine.admin.create_table(table)
        for column, value in (
            ("d", date(999, 12, 31)),
            ("tz", datetime(999, 12, 31, tzinfo=UTC)),
            ("tz", datetime(2000, 1, 1, 0, 0, 0, 1, tzinfo=UTC)),
        ):
            tx = python.engine.transaction()
            with pytest.raises(WriteRefused, match=f"times.{column}"):
                await tx.insert(table, {"id": 1, column: value})
        batch = python.engine.begin()
        batch.insert(table, (1, None, None, 86_400_000_000))
        with pytest.raises(WriteRefused, match=r"times\.t"):
            await batch.commit()


async def test_odd_values_become_the_same_for_both(meeting: Meeting) -> None:
    columns = {"pk": Type.TEXT, "d": Type.DOUBLE, "f": Type.FLOAT, "t": Type.TEXT, "v": Type.INT}
    table = Table(meeting.namespace, "odd", columns, ("pk",))
    meeting.create(table)
    sqlite = meeting.place.name == "sqlite"
    nan = None if sqlite else "nan"
    async with both(meeting) as sides:
        for side in sides:
            for value, wanted in (
                (math.nan, nan),
                (math.inf, "inf"),
                (-math.inf, "-inf"),
                (-0.0, "0.0" if sqlite else "-0.0"),
            ):
                key = {"pk": fresh()}
                row = key | {"d": value, "f": value, "t": None, "v": None}
                if sqlite and math.isnan(value) and side is sides[1]:
                    with pytest.raises(Refused):
                        await side.commit(table, [row])
                    continue
                await side.commit(table, [row])
                for reader in sides:
                    tx = await reader.begin()
                    found = await tx.get(table, key)
                    assert found
                    said = [None if found[c] is None else str(found[c]) for c in "df"]
                    assert said == [wanted, wanted]
                    await tx.write("update", table, key | {"v": 1})
                    await tx.end()


async def test_text_with_u_0000_of_java_is_read_and_removed_but_on_sqlite_not_written_again(
    meeting: Meeting,
) -> None:
    if isinstance(meeting.place, PostgresPlace):
        pytest.skip("it refuses such text from anybody")
    key = {"pk": fresh(), "ck": 1}
    async with both(meeting) as (java, python):
        await java.commit(meeting.left, [key | {"v": 1, "tag": "a\0b", "note": "\0"}])
        tx = await python.begin()
        row = await tx.get(meeting.left, key)
        assert row
        assert (row["tag"], row["note"]) == ("a\0b", "\0")
        await tx.write("update", meeting.left, key | {"v": 2})
        if meeting.place.name == "sqlite":
            with pytest.raises(Refused, match="bad request"):
                await tx.end()
        else:
            await tx.end()
        assert await told(java, meeting.left, key) == (1 if meeting.place.name == "sqlite" else 2)
        tx = await python.begin()
        await tx.write("delete", meeting.left, key)
        await tx.end()
        assert await on_disk(meeting, key) is None


async def test_an_insert_fails_on_a_dead_writers_row_only_once(meeting: Meeting) -> None:
    async with both(meeting) as (java, python):
        for side, tries in ((python, 1), (java, 2)):
            key = await by_hand(meeting, **prepared(str(uuid4())))
            row = key | {"v": 2, "tag": None, "note": None}
            for _ in range(tries):
                with pytest.raises(Refused, match="conflict"):
                    await side.commit(meeting.left, [row])
            if side is java:  # it needs somebody who reads
                await told(python, meeting.left, key)
            await side.commit(meeting.left, [row])
            assert await told(side, meeting.left, key) == 2


async def test_javas_recover_record_takes_our_rows(meeting: Meeting) -> None:
    async with both(meeting) as (java, python):
        tx = await python.share(str(uuid4()))
        key = {"pk": fresh(), "ck": 1}
        await tx.write("insert", meeting.left, key | {"v": 5})
        await tx.end("prepare")
        await python.engine.coordinator.commit(tx.id)
        where = {"namespace": meeting.left.namespace, "table": meeting.left.name}
        assert meeting.ask("recover", key=key, **where) is True
        row = await on_disk(meeting, key)
        assert row
        assert row["tx_state"] == COMMITTED
        assert await told(java, meeting.left, key) == 5
        # It needs to know what the transaction wrote, which only Java notes down.
        assert meeting.ask("finish", tx=tx.id) is False
        assert await meeting.place.coordinator(tx.id)
