"""Rows that one engine left prepared, the other one's look at them, and what is on disk then."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from functools import partial
from uuid import uuid4

from infra.engine.table import ABORTED, COMMITTED, Table
from tests.interop.matrix import disk
from tests.interop.matrix.cells import STANDS, Cell, Label
from tests.interop.matrix.left import (
    LONG_AGO_MS,
    Answer,
    Before,
    Left,
    Row,
    added_decisions,
    lefts,
    prepared_row,
    resolved_row,
    resolves,
    written_row,
)
from tests.interop.matrix.meeting import Meeting, fresh, ran
from tests.interop.matrix.sides import Refused, Side, Tx

#: Java finishes in the background what it only read.
FINISH_LIMIT_SECONDS = 10
#: SQLite has one writer; more of them would only wait.
AT_ONCE = {"postgres": 8, "sqlite": 1, "cassandra": 8}
#: The operations that write, and what they write beside the key.
WRITES: dict[str, Row] = {"upsert": {"v": 99}, "delete": {}}


class Scene:
    """Rows that were left, and the cells they stand for."""

    def __init__(
        self, meeting: Meeting, table: Table, operation: str, isolation: str, direction: str
    ) -> None:
        self.meeting, self.table = meeting, table
        self.operation, self.isolation, self.direction = operation, isolation, direction
        self.place = meeting.place
        self._python = direction.startswith("python")
        #: What whoever resolved the rows got to hear, and the transactions in which it wrote.
        self.answers: dict[Left, Answer] = {}
        self.ends: dict[Left, str] = {}
        self.writers: dict[Left, str] = {}

    def cell(self, left: Left) -> Cell:
        name = self.place.name
        return Cell(name, self.operation, left.state, self.isolation, self.direction)

    def label(self, left: Left) -> Label:
        return Label(self.place.name, left.state, self.direction)

    async def leave(
        self, leaver: Side, stands: tuple[str, ...] = STANDS, *, together: bool = False
    ) -> list[Left]:
        """Have the rows written, and the coordinator's rows and times as the stand wants them."""
        parent = (uuid4().hex * 2)[:24]
        ids = {
            stand: (f"{parent[:20]}{i:04}$" if "group" in stand else "") + str(uuid4())
            for i, stand in enumerate(stands)
        }
        rows = lefts(fresh(), ids, stands, together=together)
        await leaver.commit(self.table, [left.old for left in rows if left.old])
        committed = await disk.rows(self.place, self.table)
        for tx_id in ids.values():
            mine = [left for left in rows if left.tx_id == tx_id]
            tx = await leaver.share(tx_id, map(self.label, mine))
            for left in mine:
                await act(tx, self.table, left)
            await tx.end("prepare")
        await disk.run(self.place, self._set(rows))
        self.before = Before(
            committed,
            await disk.rows(self.place, self.table),
            await disk.decisions(self.place),
        )
        self._check_prepared(rows)
        return rows

    def _check_prepared(self, rows: list[Left]) -> None:
        for left in rows:
            row = self.before.prepared[left.key]
            wanted = prepared_row(self.table, left, self.before.committed, row["tx_prepared_at"])
            assert (left.state, *_apart(row, wanted)) == (left.state, {}, {})

    def _set(self, rows: list[Left]) -> list[str]:
        now = int(time.time() * 1_000)
        statements = {}
        for left in rows:
            parent, _, child = left.tx_id.rpartition("$")
            if left.how.parent:
                children = None
                if left.how.parent == COMMITTED:
                    children = f"{uuid4()},{child if left.how.lists_it else uuid4()}"
                statements[parent] = disk.decision(
                    self.place, parent, left.how.parent, now, children
                )
            if left.how.full:
                statements[left.tx_id] = disk.decision(
                    self.place, left.tx_id, left.how.full, now + 1
                )
            if left.how.expired:
                aged = {"tx_prepared_at": now - LONG_AGO_MS}
                key = dict(zip(self.table.keys, left.key, strict=True))
                statements[left.name] = disk.update(self.place, self.table, key, aged)
        return list(statements.values())

    async def resolve(self, resolver: Side, left: Left) -> None:
        """Look at the row, and write it if the operation says so; unseen if the look is refused."""
        read_only = self.operation == "get read-only"
        begin = partial(resolver.begin, self.isolation, labels=[self.label(left)])
        tx = await begin(read_only=read_only)
        try:
            self.answers[left] = await look(tx, self.table, self.operation, left)
        except Refused as refused:
            self.answers[left] = str(refused)
            await tx.end("rollback")
            if self.operation in WRITES:
                self.ends[left] = await self._write(await begin(), left)
            return
        if self.operation in WRITES:
            self.writers[left] = tx.id
            self.ends[left] = await self._write(tx, left)
        else:
            await tx.end()
        if self.isolation == "READ_COMMITTED" and resolves(left, self.isolation, self.operation):
            await self._until_decided(left)

    async def _write(self, tx: Tx, left: Left) -> str:
        """What a transaction is told that writes the row and ends."""
        row: Row = {"pk": left.pk, "ck": left.ck} | WRITES[self.operation]
        try:
            await tx.write(self.operation, self.table, row)
            await tx.end()
        except Refused as refused:
            await tx.end("rollback")
            return str(refused)
        return "committed"

    async def _until_decided(self, left: Left) -> None:
        """Java leaves a row alone if another one's recovery aborts the same transaction just now;
        at READ_COMMITTED nobody tells, so the next row waits its turn."""
        async with asyncio.timeout(FINISH_LIMIT_SECONDS):
            while left.how.expired:
                if await self.place.coordinator(left.tx_id):
                    return

    async def check(
        self, rows: list[Left], again: Callable[[], Awaitable[None]] | None = None
    ) -> None:
        """What was said and what is on disk is what the model says; else all that differs."""
        assert {x.state: self.answers[x] for x in rows if not self._is_told_so(x)} == {}
        written = rows if self.operation in WRITES else []
        assert self.ends == {left: left.ends(self.isolation, self._python) for left in written}
        deadline = time.monotonic() + FINISH_LIMIT_SECONDS
        while (differing := await self._differing(rows)) and time.monotonic() < deadline:
            if again:
                await again()
        assert differing == {}
        ran(*(self.cell(left) for left in rows))

    def _is_told_so(self, left: Left) -> bool:
        if self.operation != "index":
            return self.answers[left] == left.seen(self.isolation)
        return self.answers[left] in left.seen_by_index(self.isolation, self._python)

    async def _differing(self, rows: list[Left]) -> dict[str, tuple[object, object]]:
        found = await disk.rows(self.place, self.table)
        decisions = await disk.decisions(self.place)
        differing: dict[str, tuple[object, object]] = {}
        for left in rows:
            mine = found.get(left.key)
            wanted = self._wanted(left, mine, decisions)
            if mine != wanted:
                differing[left.state] = _apart(mine, wanted)
            finished = [
                one
                for one in rows
                if one.tx_id == left.tx_id and resolves(one, self.isolation, self.operation)
            ]
            differing.update(self._undecided(left, decisions, finished))
        return differing

    def _wanted(self, left: Left, mine: Row | None, decisions: dict[str, Row]) -> Row | None:
        if not resolves(left, self.isolation, self.operation):
            return self.before.prepared.get(left.key)
        base = resolved_row(left, self.before)
        if self.ends.get(left) != "committed":
            return base
        writer = decisions.get(self.writers[left])
        if self.operation == "delete" or not mine or not writer:
            return None
        return written_row(self.table, left, base, mine, writer)

    def _undecided(
        self, left: Left, decisions: dict[str, Row], finished: list[Left]
    ) -> dict[str, tuple[object, object]]:
        """The coordinator's rows about this transaction that are not as they should be."""
        ids = {left.tx_id, left.tx_id.rpartition("$")[0] or left.tx_id}
        states = {i: decisions[i]["tx_state"] for i in ids if i in decisions}
        before = self.before.decisions
        wanted = {i: before[i]["tx_state"] for i in ids if i in before}
        for one in finished:
            wanted |= dict.fromkeys(added_decisions(one), ABORTED)
        return {} if states == wanted else {f"coordinator of {left.state}": (states, wanted)}


async def act(tx: Tx, table: Table, left: Left) -> None:
    """What the transaction that stops does to the row."""
    key: Row = {"pk": left.pk, "ck": left.ck}
    if left.act == "insert":
        assert left.new
        await tx.write("insert", table, {c: v for c, v in left.new.items() if c != "note"})
    elif left.act == "update":
        await tx.write("update", table, key | {"v": 2, "tag": f"new {left.name}"})
    else:
        await tx.write("delete", table, key)


async def look(tx: Tx, table: Table, operation: str, left: Left) -> list[Row]:
    """The row as the operation finds it."""
    if operation == "scan":
        return await tx.scan(table, key={"pk": left.pk})
    if operation == "index":
        return await tx.scan(table, index={"tag": left.tag})
    row = await tx.get(table, {"pk": left.pk, "ck": 1})
    return [row] if row else []


def _apart(mine: Row | None, wanted: Row | None) -> tuple[object, object]:
    """Only the columns that differ, where there are both."""
    if not mine or not wanted:
        return mine, wanted
    columns = [c for c in {*mine, *wanted} if mine.get(c) != wanted.get(c)]
    return {c: mine.get(c) for c in columns}, {c: wanted.get(c) for c in columns}
