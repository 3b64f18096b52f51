"""The connection is lost before and after each statement: all or nothing, and said truly."""

import asyncio
from typing import Any

import pytest

from infra.engine.config.settings import CommitOptions, GroupCommitOptions
from infra.engine.engine import Isolation
from infra.engine.errors import Conflict, EngineError, LockedOut, Unavailable, UnknownOutcome
from infra.engine.postgres import PostgresEngine
from tests.conformance.engine.bindings import database, postgres
from tests.conformance.engine.cases import APPLE, ORDERS, PEAR, STOCK, TABLES, stored
from tests.conformance.engine.cutting import Proxy, postgres_frames
from tests.conformance.engine.protocol import LONG_AGO_MS, Clock

#: More statements than any of these transactions has.
STATEMENTS_MAX_COUNT = 40
WAYS: dict[str, tuple[CommitOptions, dict[str, Any]]] = {
    "one phase": (CommitOptions(), {}),
    "locked": (CommitOptions(), {"locked": True}),
    "three phases": (CommitOptions(one_phase_commit=False), {}),
    "validated": (
        CommitOptions(one_phase_commit=False), {"isolation": Isolation.SERIALIZABLE}
    ),
    "grouped": (
        CommitOptions(one_phase_commit=False, group_commit=GroupCommitOptions(enabled=True)), {}
    ),
}  # fmt: skip


async def moved(engine: Any, number: int, how: dict[str, Any]) -> Any:
    """Move one from the apples to the pears, and write an order: three rows of two tables."""
    transaction = engine.begin(**how)
    try:
        await transaction.fetch({STOCK: [APPLE, PEAR, ("fruit", "fig")]})
        apples, pears = (transaction.seen(STOCK, key).values[2] for key in (APPLE, PEAR))
        transaction.put(STOCK, (*APPLE, apples - 1, None))
        transaction.put(STOCK, (*PEAR, pears + 1, None))
        transaction.insert(ORDERS, (f"o{number}", "new"))
        await transaction.commit()
    finally:
        await transaction.rollback()
    return transaction


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("way", WAYS)
async def test_a_cut_leaves_all_or_nothing_and_is_told_truly(way: str, after: bool) -> None:
    options, how = WAYS[way]
    name, clock = await asyncio.to_thread(database), Clock()
    host, port = postgres().address.split(":")
    proxy = Proxy(host, int(port), postgres_frames)
    through = f"postgresql://odori@127.0.0.1:{await proxy.start()}/{name}?sslmode=disable"
    direct = PostgresEngine(
        f"postgresql://odori@{host}:{port}/{name}", clock=clock, options=options
    )
    await direct.apply(TABLES)
    await direct.admin.create_coordinator_tables()
    await stored(direct, (*APPLE, 1_000, None), (*PEAR, 0, None))
    done, unknown, number = 0, 0, 0
    for number in range(1, STATEMENTS_MAX_COUNT):
        engine = PostgresEngine(through, options=options, clock=clock, busy_ms=200)
        proxy.arm(number, after)
        told, tx_id = await outcome(engine, number, how)
        clock.now += LONG_AGO_MS
        if told is None:
            unknown += 1
            told = await engine.outcome(tx_id, (ORDERS, (f"o{number}",)))
        await engine.close()
        assert await check_whole(direct, number, done) == told
        happened = bool(told)
        done += happened
        if not proxy.cut:
            break
    assert told, "the last one was not cut"
    assert number > 3
    assert bool(unknown) == (way in ("one phase", "locked"))  # the coordinator is asked again
    await direct.close()
    await proxy.stop()


async def outcome(engine: Any, number: int, how: dict[str, Any]) -> tuple[bool | None, str]:
    """Whether it says that it is committed, or None if it does not know; the transaction's id."""
    try:
        transaction = await moved(engine, number, how)
    except UnknownOutcome as error:
        return None, error.tx_id
    except (Unavailable, Conflict, LockedOut):
        return False, ""
    return True, transaction.id


async def check_whole(engine: Any, number: int, before: int) -> bool:
    """Whether the n-th order happened: with all its rows, or with none."""
    asked = engine.begin()
    try:
        await asked.fetch({STOCK: [APPLE, PEAR], ORDERS: [(f"o{number}",)]})
    except EngineError as error:  # whoever was cut off left nothing that blocks for ever
        raise AssertionError(f"after {number}") from error
    happened = asked.seen(ORDERS, (f"o{number}",)) is not None
    left = [asked.seen(STOCK, key).values[2] for key in (APPLE, PEAR)]
    count = before + happened
    assert left == [1_000 - count, count]
    return happened
