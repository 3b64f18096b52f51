"""Money moves between accounts; run it as often as you like, and several times at once.

python docs/examples/bank.py                          a SQLite file, bank.db
python docs/examples/bank.py postgresql://user@host/db
python docs/examples/bank.py scalardb.properties      what Java's ScalarDB reads, too
"""

import asyncio
import random
import sys
import uuid

from infra.engine.api import (
    Conflict,
    ConsensusCommit,
    LockedOut,
    Table,
    Type,
    Unavailable,
    UnknownOutcome,
    col,
    odori_store,
    open_engine,
)

ACCOUNTS = Table(
    "bank",
    "accounts",
    {"branch": Type.TEXT, "number": Type.INT, "balance": Type.BIGINT, "owner": Type.TEXT},
    partition=("branch",),
    clustering=("number",),
    indexes=("owner",),
)
#: One row for each transfer, which nobody else writes: by it a lost answer is found out.
TRANSFERS = Table("bank", "transfers", {"id": Type.TEXT, "amount": Type.BIGINT}, ("id",))
#: More at a time would only stand in each other's way: all accounts lie in one partition.
AT_ONCE_MAX_COUNT = 10
#: Who loses this often in a row should rather be told than be tried again.
TRIES_MAX_COUNT = 20


async def transfer(engine: ConsensusCommit, source: int, target: int, amount: int) -> bool:
    """Move money, once; False if there is not enough."""
    id_ = str(uuid.uuid4())
    for attempt in range(TRIES_MAX_COUNT):
        try:
            async with engine.transaction() as tx:
                payer, payee = await tx.get_many(ACCOUNTS, [("main", source), ("main", target)])
                if payer is None or payee is None or payer["balance"] < amount:
                    return False
                await tx.update(ACCOUNTS, payer | {"balance": payer["balance"] - amount})
                await tx.update(ACCOUNTS, payee | {"balance": payee["balance"] + amount})
                await tx.insert(TRANSFERS, {"id": id_, "amount": amount})
            return True
        except (
            Conflict,
            LockedOut,
            Unavailable,
        ):  # nothing was written
            await asyncio.sleep(random.uniform(0, 0.002 * 2 ** min(attempt, 8)))
        except UnknownOutcome as unknown:  # the answer to the commit was lost on its way
            return await engine.outcome(unknown.tx_id, (TRANSFERS, id_))
    raise Conflict(f"lost {TRIES_MAX_COUNT} times in a row")


async def main(store: str) -> None:
    engine = open_engine(odori_store(store))
    try:
        await engine.admin.create_coordinator_tables()
        await engine.admin.create_table(ACCOUNTS)
        await engine.admin.create_table(TRANSFERS)
        async with engine.transaction() as tx:
            for number in range(10):
                if await tx.get(ACCOUNTS, ("main", number)) is None:
                    account = {"branch": "main", "number": number, "balance": 100, "owner": "ann"}
                    await tx.insert(ACCOUNTS, account)
        pairs = [random.sample(range(10), 2) for _ in range(200)]
        room = asyncio.Semaphore(AT_ONCE_MAX_COUNT)

        async def moved(source: int, target: int) -> bool:
            async with room:
                return await transfer(engine, source, target, random.randint(1, 50))

        done = await asyncio.gather(*(moved(source, target) for source, target in pairs))
        async with engine.transaction(read_only=True) as tx:
            accounts = await tx.scan(ACCOUNTS, "main")
            rich = await tx.scan_index(ACCOUNTS, "owner", "ann", where=col("balance") > 100)
        total = sum(account["balance"] for account in accounts)
        print(
            f"{sum(done)} of {len(done)} transfers; {len(rich)} accounts above 100; total {total}"
        )
    finally:
        await engine.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else "sqlite:///bank.db"))
