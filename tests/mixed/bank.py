"""Transfers at random between accounts, each with a receipt: what the Java driver's `bank` does."""

import random
from pathlib import Path

from infra.engine.buffered import BufferedTransaction
from infra.engine.consensus import ConsensusCommit
from infra.engine.table import Table
from infra.ids import random_uuid
from tests.mixed.run import Ask, Run

LARGEST_TRANSFER = 10


async def bank(engine: ConsensusCommit, ask: Ask) -> Ask:
    """Transfers until the input ends; the journal tells of each begin and outcome."""
    run = Run(engine, ask, Path(ask["journal"]))
    accounts, receipts = await run.table("table"), await run.table("receipts")

    async def transfer(_: int, chance: random.Random) -> str:
        receipt = random_uuid()
        tx = run.begin()
        here, there = chance.sample(range(ask["accounts"]), 2)
        largest = chance.randint(1, LARGEST_TRANSFER)

        async def work() -> None:
            await tx.fetch({accounts: [(here,), (there,)]})
            amount = min(_balance(tx, accounts, here), largest)
            for account, change in ((here, -amount), (there, amount)):
                tx.put(accounts, (account, _balance(tx, accounts, account) + change))
            tx.insert(receipts, (receipt,))
            run.write(tx=receipt, type="begun", moved=[here, there, amount])

        outcome, error = await run.attempt(tx, work())
        run.write(tx=receipt, type=outcome, error=error, id=tx.id)
        return outcome

    return await run.tasks(transfer)


def _balance(tx: BufferedTransaction, accounts: Table, account: int) -> int:
    record = tx.seen(accounts, (account,))
    assert record, f"account {account} is gone"
    balance = record.values[1]
    assert isinstance(balance, int), record
    return balance
