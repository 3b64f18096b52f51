"""What a caller asks wrongly is refused by name, before anything is written; what an id says."""

from datetime import UTC, datetime
from typing import Any

import pytest

from infra.engine.conditions import EXISTS, NOT_EXISTS, col
from infra.engine.config.settings import CommitOptions
from infra.engine.engine import Isolation
from infra.engine.errors import InvalidRequest, UnknownOutcome, WriteRefused
from infra.engine.metrics import METRICS
from tests.conformance.engine.cases import APPLE, EVENTS, ORDERS, STOCK, Use, stored, values

ROW = {"category": "fruit", "product": "apple", "left": 3, "shelf": "a"}
OTHER: Any = {"left": 1}


async def test_a_refused_insert_opens_no_way_for_other_writes(use: Use) -> None:
    async with use() as engine:
        async with engine.transaction(read_only=True) as tx:
            for write in (tx.insert, tx.upsert, tx.insert):
                with pytest.raises(InvalidRequest, match="read-only"):
                    await write(STOCK, ROW)
        assert await values(engine, APPLE) is None


@pytest.mark.parametrize("end", ["commit", "rollback"])
async def test_after_its_end_a_transaction_takes_nothing_and_says_so(use: Use, end: str) -> None:
    async with use() as engine:
        await stored(engine, (*APPLE, 3, "a"))
        async with engine.transaction() as tx:
            await tx.get(STOCK, APPLE)
            await getattr(tx, end)()
            for late in (
                tx.insert(ORDERS, {"id": "o1"}), tx.update(STOCK, ROW | OTHER),
                tx.delete(STOCK, APPLE), tx.scan(STOCK, "fruit"), tx.commit(),
            ):  # fmt: skip
                with pytest.raises(InvalidRequest, match="has ended"):
                    await late
        assert await values(engine, APPLE) == (*APPLE, 3, "a")


async def test_an_isolation_is_one_of_three_and_no_text(use: Use) -> None:
    async with use() as engine:
        for wrong in ("SERIALIZABLE", "FOO"):
            with pytest.raises(InvalidRequest, match="SNAPSHOT"):
                engine.transaction(isolation=wrong)


async def test_an_id_of_ones_own_separates_nothing_in_the_coordinators_rows(use: Use) -> None:
    wrong: list[Any] = ["a,b", "", "a" * 24 + "$b c", "a:b", "x" * 40, b"id", 7]
    async with use() as engine:
        for tx_id in wrong:
            with pytest.raises(InvalidRequest, match="is no id of a transaction"):
                engine.begin(tx_id=tx_id)
            with pytest.raises(InvalidRequest, match="is no id of a transaction"):
                engine.participate(tx_id)
        assert engine.begin(tx_id="mine-1").id == "mine-1"


async def test_what_is_asked_wrongly_is_named(use: Use) -> None:
    wrong: Any = "left > 3"
    async with use() as engine:
        tx = engine.transaction()
        for asked, named in (
            (tx.scan(STOCK, "fruit", start=()), "start and end need a value"),
            (tx.scan(STOCK, "fruit", limit=wrong), "a limit is a whole number"),
            (tx.scan(STOCK, "fruit", limit=1.5), "a limit is a whole number"),
            (tx.scan(STOCK, "fruit", where=wrong), "is no condition"),
            (tx.scan(STOCK, "fruit", where=EXISTS), "stand alone"),
            (tx.get(STOCK, APPLE, where=NOT_EXISTS), "stand alone"),
            (tx.get(STOCK, APPLE, where=col("left")), "is no condition"),
            (tx.put(STOCK, ROW, where=wrong), "is no condition"),
            (tx.get_many(STOCK, 5), "shop.stock: 5 are no keys"),
            (tx.get_many(STOCK, "ab"), "are no keys"),
            (tx.get("shop.stock", APPLE), "'shop.stock' is no Table"),
            (tx.scan_all("shop.stock"), "is no Table"),
        ):
            with pytest.raises(InvalidRequest, match=named):
                await asked
        moment = datetime(2026, 1, 1, tzinfo=UTC)
        for start, end in (((1, moment), (2, moment)), ((1,), (2, moment))):
            with pytest.raises(InvalidRequest, match="may differ in their last value only"):
                await tx.scan(EVENTS, 1, start=start, end=end)
        positive = col("left") > 0
        with pytest.raises(InvalidRequest, match="put conditions together with &"):
            assert positive
        with pytest.raises(InvalidRequest, match="put conditions together with &"):
            assert 1 < col("left") < 3, "chained, it is an `and`"
        with pytest.raises(InvalidRequest, match="stand alone"):
            EXISTS & positive
        with pytest.raises(InvalidRequest, match="stand alone"):
            positive | EXISTS
        with pytest.raises(WriteRefused, match=r"shop\.stock\.left: .*\('fruit', 'apple'\)"):
            await tx.insert(STOCK, ROW | {"left": "many"})
        with pytest.raises(InvalidRequest, match=r"'lft'.*\('fruit', 'apple'\)"):
            await tx.update(STOCK, ROW | {"lft": 1})
        await tx.rollback()


async def test_a_scan_shows_no_row_that_misses_its_condition(use: Use) -> None:
    async with use() as engine:
        await stored(engine, (*APPLE, 3, "a"))
        tx = engine.transaction()
        assert await tx.get(STOCK, APPLE)
        async with engine.transaction() as other:
            await other.update(STOCK, ROW | {"left": 9})
        assert await tx.scan(STOCK, "fruit", where=col("left") == 9) == []
        await tx.rollback()


class TestAnUnknownOutcome:
    @pytest.mark.parametrize("key", ["o1", ("o1",), {"id": "o1"}], ids=str)
    async def test_is_asked_with_any_form_of_a_key(self, use: Use, key: Any) -> None:
        async with use() as engine:
            tx = engine.transaction()
            await tx.insert(ORDERS, {"id": "o1", "state": "new"})
            await tx.commit()
            assert await engine.outcome(tx.id, (ORDERS, key))

    @pytest.mark.needs("lock")  # where nothing is ever locked, it is waited for
    async def test_is_told_by_no_row_that_somebody_else_wrote(self, use: Use) -> None:
        async with use() as engine:
            tx = engine.transaction()
            await tx.insert(STOCK, ROW)
            await tx.commit()
            async with engine.transaction() as other:
                await other.update(STOCK, ROW | {"left": 9})
            with pytest.raises(UnknownOutcome, match="ask by a row that nobody else writes"):
                await engine.outcome(tx.id, (STOCK, APPLE))


async def test_a_participant_works_row_by_row_and_its_commit_is_counted(use: Use) -> None:
    def counted() -> float:
        return sum(
            one.value
            for metric in METRICS.collect()
            for one in metric.samples
            if one.name in ("transaction_throughput_total", "transaction_latency_count")
            and one.labels.get("status", one.labels.get("operation")) in ("committed", "commit")
        )

    async with use() as engine:
        share = engine.participate()
        await share.tx.insert(STOCK, ROW)
        await share.prepare()
        await share.validate()
        before = counted()
        await share.commit()
        assert counted() == before + 2
        assert await values(engine, APPLE) == (*APPLE, 3, "a")


@pytest.mark.parametrize("isolation", [Isolation.SNAPSHOT, Isolation.SERIALIZABLE])
async def test_who_only_read_is_noted_where_the_settings_ask_for_it(
    use: Use, isolation: Isolation
) -> None:
    options = CommitOptions(write_omission_on_read_only=False)
    async with use(options=options) as engine:
        tx = engine.transaction(isolation=isolation)
        await tx.get(STOCK, APPLE)
        await tx.commit()
        assert await engine.coordinator.state_of(tx.id)
