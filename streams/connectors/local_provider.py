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
A line that is none of this is told once, with its number, and ignored.
"""

import asyncio
import sqlite3
from collections.abc import Iterator
from fnmatch import fnmatchcase
from hashlib import blake2b
from pathlib import Path

from pydantic import JsonValue

from infra.observe import observe
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

    async def void(self, request: Request) -> Reply:
        return await self._answer("void", request, self._how(request), approved=False)

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
        new = self._keep(kind, request, approved=approved)
        reply = self._known(request.key)
        assert reply is not None, "what was answered is never deleted"
        if how == "late":
            await asyncio.sleep(LATE_S)
        if how == "timeout" and new:
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
            text = self._rules_path.read_text("utf-8", errors="replace")
            self._rules = list(_parsed(text))
            self._rules_stamp = stamp
        return self._rules

    # its books

    def _execute(self, statement: str, values: tuple[object, ...]) -> sqlite3.Cursor:
        """Run one statement on the file, at once or not at all: the loop waits for no lock."""
        try:
            if self._opened is None:
                self._opened = _open(self._path)
            return self._opened.execute(statement, values)
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                raise
            raise ProviderDown(f"{self._path.name} is locked by another program") from error

    def _known(self, key: str) -> Reply | None:
        found = self._execute(
            "SELECT kind, approved, transaction_id FROM answered WHERE key = ?", (key,)
        ).fetchone()
        return _reply(*found) if found else None

    def _keep(self, kind: str, request: Request, *, approved: bool) -> bool:
        """Book an answer unless there is one for this key; whichever is first stays."""
        r = request
        transaction = f"L-{blake2b(r.key.encode(), digest_size=12).hexdigest()}"
        booked = self._execute(
            "INSERT INTO answered VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            (r.key, kind, r.order_id, r.customer_id, r.amount, r.currency, approved, transaction),
        )
        return booked.rowcount == 1


def _open(path: Path) -> sqlite3.Connection:
    books = sqlite3.connect(path, isolation_level=None, timeout=0)
    try:
        books.execute("PRAGMA journal_mode = WAL")
        books.execute("PRAGMA synchronous = NORMAL")
        books.execute(_TABLE)
    except BaseException:
        books.close()
        raise
    return books


def _parsed(text: str) -> Iterator[tuple[str, str]]:
    """The rules in a text; what is none is told."""
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split(None, 1)
        if len(words) == 2 and words[0] in _RULES:
            yield words[0], words[1].strip()
        elif words and not words[0].startswith("#"):
            observe("provider.rule_ignored", line=number, text=line, known=" ".join(_RULES))


def _reply(kind: str, approved: bool, transaction_id: str) -> Reply:
    outcome = "approved" if approved else "voided" if kind == "void" else "declined"
    response: dict[str, JsonValue] = {
        "provider": "local",
        "kind": kind,
        "outcome": outcome,
        "id": transaction_id,
    }
    return Reply(bool(approved), transaction_id, response)
