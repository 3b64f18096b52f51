"""The workloads on this engine and in plain asyncpg, in a process of their own, as Java's are.

    python -m tests.bench.engines.ours PROPERTIES WORKLOAD CLIENTS WARMUP SECONDS

prints a report. Workloads: order, rmw, batch-N (N orders in one transaction), and each of them
with `plain-` before it: the same rows by asyncpg alone, unconditionally, in one transaction.
"""

import asyncio
import json
import random
import sys
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import uvloop

from infra.engine.api import ConsensusCommit, Settings, Table, load, open_engine
from infra.engine.config import PostgresStorage
from tests.bench.engines.load import Report, Work, run

FIRST, SECOND = "bench", "bench2"
GROWING = ("reservation", "payment", "shipment", "orders")
PRODUCTS, CUSTOMERS, RECORDS = 1_000, 10_000, 1_000
FIELD_CHARACTERS = 1_000

Tables = dict[str, Table]


async def tables(engine: ConsensusCommit) -> Tables:
    """What Java made, as this engine finds it; the growing ones may lie on another storage."""
    names = {"stock": FIRST, "wallet": FIRST, "record": FIRST}
    second = await engine.admin.tables(SECOND)
    names |= dict.fromkeys(GROWING, SECOND if second else FIRST)
    found = {name: await engine.admin.describe(of, name) for name, of in names.items()}
    return {name: table for name, table in found.items() if table}


def order(engine: ConsensusCommit, of: Tables) -> Work:
    async def work(chance: random.Random) -> None:
        product, customer = chance.randrange(PRODUCTS), chance.randrange(CUSTOMERS)
        async with engine.transaction() as tx:
            for name, number in (("stock", product), ("wallet", customer)):
                row = await tx.get(of[name], number)
                assert row
                await tx.update(of[name], {"id": number, "amount": row["amount"] - 1})
            key = str(uuid4())
            for name in GROWING:
                who = {"product": product} if name == "reservation" else {"customer": customer}
                await tx.insert(of[name], {"id": key, "amount": 1, **who})

    return work


def rmw(engine: ConsensusCommit, of: Tables) -> Work:
    async def work(chance: random.Random) -> None:
        number = chance.randrange(RECORDS)
        async with engine.transaction() as tx:
            assert await tx.get(of["record"], number)
            text = chance.randbytes(FIELD_CHARACTERS // 2).hex()
            await tx.update(of["record"], {"id": number, "field": text})

    return work


def batch(engine: ConsensusCommit, of: Tables, size: int) -> Work:
    """As Odori's domains do it: rows read set-wise, hot ones written once."""

    async def work(chance: random.Random) -> None:
        orders = [(chance.randrange(PRODUCTS), chance.randrange(CUSTOMERS)) for _ in range(size)]
        tx = engine.begin()
        wanted = {of["stock"]: [(p,) for p, _ in orders], of["wallet"]: [(c,) for _, c in orders]}
        await tx.fetch(wanted)
        for table, keys in wanted.items():
            taken = dict.fromkeys(keys, 0)
            for key in keys:
                taken[key] += 1
            for key, count in taken.items():
                record = tx.seen(table, key)
                assert record
                tx.put(table, (*key, int(record.values[1] or 0) - count))
        ids = [str(uuid4()) for _ in orders]
        for name in GROWING:
            at = 0 if name == "reservation" else 1
            rows = [(id_, who[at], 1) for id_, who in zip(ids, orders, strict=True)]
            tx.insert_new(of[name], rows)
        await tx.commit()

    return work


SELECT = "SELECT * FROM {0} WHERE id = ANY($1::int[])"
UPDATE = (
    "UPDATE {0} t SET amount = t.amount - v.n, tx_id = $1, tx_state = 3,"
    " tx_version = tx_version + 1, tx_prepared_at = $2, tx_committed_at = $2"
    " FROM unnest($3::int[], $4::int[]) AS v(id, n) WHERE t.id = v.id"
)
INSERT = (
    "INSERT INTO {0}(id, {1}, amount, tx_id, tx_state, tx_version, tx_prepared_at, tx_committed_at)"
    " SELECT k, w, 1, $1, 3, 1, $2, $2 FROM unnest($3::text[], $4::int[]) AS v(k, w)"
)


def plain(pool: "asyncpg.Pool[Any]", size: int) -> Work:
    """The same rows by SQL alone: BEGIN, two reads, two updates, four inserts, COMMIT."""

    async def work(chance: random.Random) -> None:
        orders = [(chance.randrange(PRODUCTS), chance.randrange(CUSTOMERS)) for _ in range(size)]
        writer, keys = str(uuid4()), [str(uuid4()) for _ in orders]
        async with pool.acquire() as connection, connection.transaction():
            for at, name in enumerate(("stock", "wallet")):
                taken: dict[int, int] = {}
                for who in orders:
                    taken[who[at]] = taken.get(who[at], 0) + 1
                ids = sorted(taken)
                await connection.fetch(SELECT.format(f"{FIRST}.{name}"), ids)
                counts = [taken[i] for i in ids]
                await connection.execute(UPDATE.format(f"{FIRST}.{name}"), writer, 1, ids, counts)
            for name in GROWING:
                at = 0 if name == "reservation" else 1
                sql = INSERT.format(f"{FIRST}.{name}", "customer" if at else "product")
                await connection.execute(sql, writer, 1, keys, [who[at] for who in orders])

    return work


async def measure(workload: str, settings: Settings, load: tuple[int, float, float]) -> Report:
    """One workload by so many clients, warmed up for some seconds, for some seconds."""
    if workload.startswith("plain-"):
        size = _size(workload.removeprefix("plain-"))
        (storage,) = settings.storages.values()
        assert isinstance(storage, PostgresStorage)
        ((host, port),) = storage.contact_points
        pool = await asyncpg.create_pool(
            host=host, port=port, user=storage.username, database=storage.database,
            min_size=1, max_size=load[0],
        )  # fmt: skip
        async with pool:
            return await run(plain(pool, size), *load, size)
    engine = open_engine(settings)
    try:
        of = await tables(engine)
        size = _size(workload)
        if workload == "rmw":
            return await run(rmw(engine, of), *load)
        if workload == "order":
            return await run(order(engine, of), *load)
        return await run(batch(engine, of, size), *load, size)
    finally:
        await engine.close()


def _size(workload: str) -> int:
    return int(workload.removeprefix("batch-")) if workload.startswith("batch-") else 1


def main() -> None:
    path, workload, clients, warmup, seconds = sys.argv[1:]
    uvloop.install()
    settings = load(Path(path))
    report = asyncio.run(measure(workload, settings, (int(clients), float(warmup), float(seconds))))
    print(json.dumps(report.facts()))


if __name__ == "__main__":
    main()
