"""A payment provider on this machine: keeps its books in a file, and misbehaves when told to.

It approves everything but what `provider.rules` in the data folder says; the file is read again
when it changes, so that a running system can be shown trouble. Each line is `how pattern`:

    # how    customer/order/amount currency
    decline  */*/13.00 USD
    late     ann/*
    timeout  */O-7/*
    down     *

`decline` says no; `late` answers after LATE_S; `timeout` does it and loses the first answer; `down`
does nothing and does not answer. The first line that fits counts; `*` and `?` stand for any text.
"""

import asyncio
import sqlite3
from fnmatch import fnmatchcase
from hashlib import blake2b
from pathlib import Path

from pydantic import JsonValue

from schemas.money import to_amount
from streams.connectors.provider import ProviderDown, ProviderTimeout, Reply, Request

#: How late a late answer is; long enough to overtake it by hand.
LATE_S = 1.0
_RULES = ("decline", "late", "timeout", "down")
_TABLE = """CREATE TABLE IF NOT EXISTS answered (
    key TEXT PRIMARY KEY, kind TEXT NOT NULL, order_id TEXT NOT NULL, customer_id TEXT NOT NULL,
    amount INTEGER NOT NULL, currency TEXT NOT NULL, approved INTEGER NOT NULL,
    transaction_id TEXT NOT NULL) WITHOUT ROWID"""


class LocalProvider:
    """The provider of the embedded profile: `provider.db` survives kill -9 of its process."""

    def __init__(self, data: Path) -> None:
        self._path = data / "provider.db"
        self._rules_path = data / "provider.rules"
        self._rules: list[tuple[str, str]] = []
        self._rules_stamp = 0
        self._opened: sqlite3.Connection | None = None

    async def charge(self, request: Request) -> Reply:
        how = self._how(request)
        return await self._answer("charge", request, how, approved=how != "decline")

    async def refund(self, request: Request) -> Reply:
        return await self._answer("refund", request, self._how(request), approved=True)

    async def lookup(self, request: Request) -> Reply | None:
        self._how(request)
        return self._known(request.key)

    async def close(self) -> None:
        if self._opened is not None:
            self._opened.close()
            self._opened = None

    async def _answer(self, kind: str, request: Request, how: str, *, approved: bool) -> Reply:
        known = self._known(request.key)
        reply = known or self._keep(kind, request, approved=approved)
        if how == "late":
            await asyncio.sleep(LATE_S)
        if how == "timeout" and known is None:
            raise ProviderTimeout(f"{request.key}: the answer was lost")
        return reply

    def _how(self, request: Request) -> str:
        """The rule for a request; raises ProviderDown if that is what it says."""
        amount = to_amount(request.amount, request.currency)
        text = f"{request.customer_id}/{request.order_id}/{amount} {request.currency}"
        for how, pattern in self._read_rules():
            if fnmatchcase(text, pattern):
                if how == "down":
                    raise ProviderDown(f"{request.key}: the provider is down")
                return how
        return ""

    def _read_rules(self) -> list[tuple[str, str]]:
        try:
            stamp = self._rules_path.stat().st_mtime_ns
        except FileNotFoundError:
            return []
        if stamp != self._rules_stamp:
            lines = self._rules_path.read_text("utf-8").splitlines()
            parts = [line.split(None, 1) for line in lines]
            self._rules = [(p[0], p[1].strip()) for p in parts if len(p) == 2 and p[0] in _RULES]
            self._rules_stamp = stamp
        return self._rules

    # its books

    @property
    def _books(self) -> sqlite3.Connection:
        """The file, opened when it is first needed."""
        if self._opened is None:
            self._opened = sqlite3.connect(self._path, isolation_level=None)
            self._opened.execute("PRAGMA journal_mode = WAL")
            self._opened.execute("PRAGMA synchronous = NORMAL")
            self._opened.execute(_TABLE)
        return self._opened

    def _known(self, key: str) -> Reply | None:
        found = self._books.execute(
            "SELECT kind, approved, transaction_id FROM answered WHERE key = ?", (key,)
        ).fetchone()
        return _reply(*found) if found else None

    def _keep(self, kind: str, request: Request, *, approved: bool) -> Reply:
        r = request
        transaction = f"L-{blake2b(r.key.encode(), digest_size=12).hexdigest()}"
        self._books.execute(
            "INSERT INTO answered VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (r.key, kind, r.order_id, r.customer_id, r.amount, r.currency, approved, transaction),
        )
        return _reply(kind, approved, transaction)


def _reply(kind: str, approved: bool, transaction_id: str) -> Reply:
    outcome = "approved" if approved else "declined"
    response: dict[str, JsonValue] = {
        "provider": "local",
        "kind": kind,
        "outcome": outcome,
        "id": transaction_id,
    }
    return Reply(bool(approved), transaction_id, response)
