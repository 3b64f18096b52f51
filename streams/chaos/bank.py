"""Transfers over two storages: each is one transaction over PostgreSQL and Cassandra.

No domain lives on Cassandra; what does is what others keep there by the same engine.
"""

import asyncio
from contextlib import suppress
from random import Random
from time import monotonic

from infra.engine.config import CassandraStorage, Settings, odori_store
from infra.engine.errors import EngineError
from infra.engine.opening import open_engine
from infra.engine.storage import Image, Pending, Selection
from infra.engine.table import DELETED, PREPARED, Table, Type
from streams.chaos.checks import PREPARED_MAX_MS
from streams.chaos.recovery import Seen
from streams.publishing.pace import Pace

#: Few enough that what a lost transaction left behind is met again soon.
ACCOUNTS_COUNT = 20
OPENING = 1_000_000
LARGEST_TRANSFER = 10
#: Between two attempts of one transfer.
AGAIN_S = 0.2
#: Transfers under way at most; those that come then are not begun.
UNDER_WAY_MAX_COUNT = 50
#: Of what lies on Cassandra; a name of our own, as `storages` need them.
CASSANDRA = "cassandra"

GIRO = Table("giro", "accounts", {"id": Type.INT, "balance": Type.BIGINT}, ("id",))
SAVINGS = Table("savings", "accounts", {"id": Type.INT, "balance": Type.BIGINT}, ("id",))
RECEIPTS = Table(
    "savings",
    "receipts",
    {"id": Type.TEXT, "account": Type.INT, "amount": Type.BIGINT},
    ("id",),
)
TABLES = (GIRO, SAVINGS, RECEIPTS)


class Bank:
    """Moves money from giro accounts to savings accounts and back; every transfer has a receipt."""

    def __init__(self, chance: Random, postgres: str, cassandra: str) -> None:
        self.transfers: dict[str, Seen] = {}
        self.open: dict[str, Seen] = {}
        self.beginning = asyncio.Event()
        self._chance = chance
        [(name, storage)] = odori_store(postgres).storages.items()
        host, _, port = cassandra.rpartition(":")
        other = CassandraStorage(CASSANDRA, (host,), int(port))
        self._engine = open_engine(
            Settings({name: storage, CASSANDRA: other}, name, {"savings": CASSANDRA})
        )
        #: Who waits for the same account waits in line, and not in each other's way.
        self._queues = [asyncio.Lock() for _ in range(ACCOUNTS_COUNT)]
        #: The last receipt of each account.
        self._last: dict[int, str] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def found(self) -> None:
        """Tables, and accounts with what they hold at first."""
        await self._engine.admin.create_coordinator_tables()
        await self._engine.apply(TABLES)
        for account in range(ACCOUNTS_COUNT):
            async with self._engine.transaction() as tx:
                await tx.insert(GIRO, {"id": account, "balance": OPENING})
                await tx.insert(SAVINGS, {"id": account, "balance": OPENING})

    async def trade(self, rate: float) -> None:
        """Transfer for ever, so many times a second."""
        pace = Pace(rate)
        while True:
            await pace.turns()
            if len(self.open) < UNDER_WAY_MAX_COUNT:
                task = asyncio.create_task(self._transfer())
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Let go of what is under way."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._engine.close()

    async def _transfer(self) -> None:
        now = monotonic()
        transfer = Seen(f"T-{self._chance.getrandbits(64):016x}", now, now)
        self.transfers[transfer.id] = self.open[transfer.id] = transfer
        account = self._chance.randrange(ACCOUNTS_COUNT)
        amount = self._chance.randint(-LARGEST_TRANSFER, LARGEST_TRANSFER)
        self.beginning.set()
        async with self._queues[account]:
            while True:
                with suppress(EngineError):
                    await self._try(transfer.id, account, amount)
                    break
                await asyncio.sleep(AGAIN_S)
            self._last[account] = transfer.id
        transfer.ended = monotonic()
        del self.open[transfer.id]

    async def _try(self, transfer: str, account: int, amount: int) -> None:
        """Once: the receipt says whether an attempt without an answer was one that counted.

        The receipt before is looked at, too: a row that nobody reads again is finished by nobody.
        """
        async with self._engine.transaction() as tx:
            if await tx.get(RECEIPTS, transfer) is not None:
                return
            if account in self._last:
                assert await tx.get(RECEIPTS, self._last[account]) is not None, "it was committed"
            for table, change in ((GIRO, -amount), (SAVINGS, amount)):
                row = await tx.get(table, account)
                assert row is not None, "an account is never deleted"
                await tx.update(table, {"id": account, "balance": row["balance"] + change})
            await tx.insert(RECEIPTS, {"id": transfer, "account": account, "amount": amount})

    async def lost(self, now_ms: int) -> list[str]:
        """What does not hold at rest, a line each."""
        found = await self._prepared(now_ms)  # before the audit, which would finish such rows
        async with self._engine.transaction(read_only=True) as tx:
            receipts = await tx.scan_all(RECEIPTS)
            giro, savings = await tx.scan_all(GIRO), await tx.scan_all(SAVINGS)
        return found + audit(
            {transfer.id for transfer in self.transfers.values() if transfer.ended is not None},
            [(r["id"], r["account"], r["amount"]) for r in receipts],
            {row["id"]: row["balance"] for row in giro},
            {row["id"]: row["balance"] for row in savings},
        )

    async def _prepared(self, now_ms: int) -> list[str]:
        found = []
        for table in TABLES:
            storage, pending = self._engine.storage_of(table), list[Pending]()
            session = storage.session()
            await session.select(Selection(table, order=table.keys), pending)
            await session.end()
            images = await storage.images(table, [row.key for row in pending])
            if old := sum(_is_old(image, now_ms) for image in images.values()):
                found.append(f"{table.full_name}: {old} rows have been prepared for over a minute")
        return found


def _is_old(image: Image, now_ms: int) -> bool:
    at = image["tx_prepared_at"]
    return image["tx_state"] in (PREPARED, DELETED) and int(at or 0) < now_ms - PREPARED_MAX_MS


def audit(
    ended: set[str],
    receipts: list[tuple[str, int, int]],
    giro: dict[int, int],
    savings: dict[int, int],
) -> list[str]:
    """Every transfer that ended has its receipt, and the receipts explain every balance."""
    known = {receipt for receipt, _, _ in receipts}
    found = [f"transfer {transfer} ended and has no receipt" for transfer in sorted(ended - known)]
    for account in range(ACCOUNTS_COUNT):
        moved = sum(amount for _, of, amount in receipts if of == account)
        expected = (OPENING - moved, OPENING + moved)
        has = (giro.get(account), savings.get(account))
        if has != expected:
            found.append(f"account {account} holds {has}, its receipts say {expected}")
    return found
