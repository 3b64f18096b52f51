"""Either engine decides the fate of the other one's transaction, and is obeyed."""

from uuid import uuid4

import pytest

from infra.engine.table import ABORTED, COMMITTED
from tests.interop.matrix.by_hand import both, on_disk, told
from tests.interop.matrix.left import Row
from tests.interop.matrix.meeting import Meeting, fresh
from tests.interop.matrix.sides import JavaSide, JavaTx, PythonSide, Refused, Side, Tx

pytestmark = pytest.mark.service


async def aborted(meeting: Meeting, side: Side, tx_id: str) -> None:
    """Abort a transaction by its id, whoever has begun it."""
    if isinstance(side, PythonSide):
        assert (await side.engine.coordinator.abort(tx_id)).state == ABORTED
    else:
        assert meeting.ask("abort", tx=tx_id) == "ABORTED"


def row_of(pk: str) -> Row:
    return {"pk": pk, "ck": 1, "v": 1, "tag": None, "note": None}


async def test_a_transaction_that_the_other_engine_aborts_leaves_nothing(meeting: Meeting) -> None:
    async with both(meeting) as sides:
        for side, other in (sides, sides[::-1]):
            pk = fresh()
            tx = await side.begin()
            await tx.write("insert", meeting.left, row_of(pk))
            await aborted(meeting, other, tx.id)
            with pytest.raises(Refused, match="conflict"):
                await tx.end()
            assert await on_disk(meeting, {"pk": pk, "ck": 1}) is None
            await side.commit(meeting.left, [row_of(pk)])
            assert await told(other, meeting.left, {"pk": pk, "ck": 1}) == 1


async def test_a_prepared_transaction_that_was_taken_for_dead_learns_it(meeting: Meeting) -> None:
    async with both(meeting) as sides:
        for side, other in (sides, sides[::-1]):
            pk = fresh()
            await side.commit(meeting.left, [row_of(pk)])
            before = await on_disk(meeting, {"pk": pk, "ck": 1})
            tx = await side.share(str(uuid4()))
            await tx.write("update", meeting.left, {"pk": pk, "ck": 1, "v": 2})
            await tx.end("prepare")
            await aborted(meeting, other, tx.id)
            assert await told(other, meeting.left, {"pk": pk, "ck": 1}) == 1
            await tx.end("validate")
            with pytest.raises(Refused, match="conflict"):
                await tx.end()
            assert await told(side, meeting.left, {"pk": pk, "ck": 1}) == 1
            assert await on_disk(meeting, {"pk": pk, "ck": 1}) == before


async def test_participants_of_both_engines_share_one_decision(meeting: Meeting) -> None:
    async with both(meeting) as sides:
        for side, other in (sides, sides[::-1]):
            keys = [fresh(), fresh()]
            one = await side.share(str(uuid4()))
            two = await joined(other, one.id)
            for tx, pk in zip((one, two), keys, strict=True):
                await tx.write("insert", meeting.left, row_of(pk))
            for how in ("prepare", "validate", "commit"):
                for tx in (one, two):
                    await tx.end(how)
            decided = await meeting.place.coordinator(one.id)
            assert decided
            for pk in keys:
                row = await on_disk(meeting, {"pk": pk, "ck": 1})
                assert row
                assert (row["tx_id"], row["tx_state"]) == (one.id, COMMITTED)
                assert row["tx_committed_at"] == decided["tx_created_at"]


async def joined(side: Side, tx_id: str) -> Tx:
    """A share of a transaction that was begun elsewhere; Java has another word for it."""
    if isinstance(side, JavaSide):
        return JavaTx(side.java, await side.java.answer("join", store=side.store, tx=tx_id))
    return await side.share(tx_id)


async def test_the_first_of_two_engines_that_write_a_row_wins(meeting: Meeting) -> None:
    for level in ("SNAPSHOT", "SERIALIZABLE", "READ_COMMITTED"):
        async with both(meeting) as sides:
            for first, second in (sides, sides[::-1]):
                pk = fresh()
                await first.commit(meeting.left, [row_of(pk)])
                txs = [await side.begin(level) for side in (first, second)]
                for tx in txs:
                    assert await tx.get(meeting.left, {"pk": pk, "ck": 1}) == row_of(pk)
                    await tx.write("update", meeting.left, {"pk": pk, "ck": 1, "v": 2})
                await txs[0].end()
                with pytest.raises(Refused, match="conflict"):
                    await txs[1].end()
                row = await on_disk(meeting, {"pk": pk, "ck": 1})
                assert row
                assert (row["tx_id"], row["tx_version"]) == (txs[0].id, 2)
