"""Parked deliveries, as a person finds them and puts them back: by a due time, written with the
engine, that a worker replays whether it runs now or starts later."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from domains.row import Row, RowKey
from infra.clock import utc_now
from infra.engine.engine import Engine
from infra.engine.errors import Conflict, LockedOut
from streams.home import Home
from streams.parked import DEAD, REPLAYS_MAX_COUNT, WAITING, RetryParked, join
from streams.readers import readers
from streams.rows import Parked, ParkedHead, TimerDue
from streams.topology import Part, Topology
from streams.workspace import Workspace

#: Deliveries put back in one transaction; a running system needs the file, too.
CHUNK_MAX_COUNT = 100
#: Deliveries that are listed, or put back at once, unless more are asked for.
LIST_MAX_COUNT = 1_000
#: How often one chunk is tried while the file is locked.
TRIES_MAX_COUNT = 5
#: The first wait after a try that failed; it doubles.
WAIT_FIRST_S = 0.1
#: Characters of the record that one delivery keeps of its put-backs; the last ones count.
NOTE_MAX_CHARS = 1_000


@dataclass(frozen=True)
class Which:
    """Which deliveries are meant; `id` is `<domain>:<event id>`, the others narrow it down."""

    id: str | None = None
    saga: str | None = None
    type: str | None = None
    reason: str | None = None
    state: str | None = None
    count: int = LIST_MAX_COUNT

    def sql(self, domain: str) -> tuple[str, list[str | int]] | None:
        """The keys that are meant in one domain, oldest first; None if none can be."""
        where: list[str] = []
        values: list[str | int] = []
        if self.id is not None:
            named, _, id_ = self.id.partition(":")
            if named != domain:
                return None
            where.append("(id = ? OR (id = '' AND saga = ?))")
            values += [id_, id_]
        for column, value in (("saga", self.saga), ("state", self.state)):
            if value is not None:
                where.append(f"{column} = ?")
                values.append(value)
        for column, value in (("type", self.type), ("reason", self.reason)):
            if value:
                where.append(f"instr(lower({column}), lower(?)) > 0")
                values.append(value)
        condition = f"WHERE {' AND '.join(where)}" if where else ""
        sql = f"""SELECT saga, source, id FROM "{domain}$parked" {condition}
            ORDER BY at, source, "offset" LIMIT ?"""
        return sql, [*values, self.count]


@dataclass(frozen=True)
class Found:
    """One parked delivery, and the domain that could not handle it."""

    domain: str
    row: Parked

    @property
    def id(self) -> str:
        return f"{self.domain}:{self.row.id or self.row.saga}"

    def public(self) -> dict[str, Any]:
        """As a list shows it."""
        shown = self.row.model_dump(
            mode="json", exclude={"raw_key", "raw_value", "raw_headers", "error", "id"}
        )
        return {"id": self.id, "domain": self.domain, **shown}

    def whole(self) -> dict[str, Any]:
        """With the message itself and the whole error."""
        row = self.row
        key, value = row.raw_key or b"", row.raw_value or b""
        return self.public() | {
            "key": key.decode("utf-8", "backslashreplace"),
            "value": value.decode("utf-8", "backslashreplace"),
            "headers": row.raw_headers.decode(),
            "error": row.error,
        }


@dataclass
class PutBack:
    """What was put back, and what was not: it had been put back too often already."""

    back: list[Found] = field(default_factory=list)
    guarded: list[Found] = field(default_factory=list)


async def find(home: Home, topology: Topology, which: Which) -> list[Found]:
    """The parked deliveries that are meant; raises NoData."""
    found: list[Found] = []
    async with readers(home, topology) as stores:
        for name, store in stores.items():
            asked = which.sql(name)
            if asked is None:
                continue
            codec = store.codec(Parked)
            async with store.reader.begin() as snapshot:
                keys = [(str(a), str(b), str(c)) for a, b, c in await snapshot.query(*asked)]
                await snapshot.fetch({codec.table: keys})
                records = [snapshot.seen(codec.table, key) for key in keys]
            found += [Found(name, codec.decode(r)) for r in records if r is not None]
    return found[: which.count]


async def put_back(
    home: Home,
    topology: Topology,
    found: Sequence[Found],
    *,
    note: str,
    rate: float | None = None,
    force: bool = False,
) -> PutBack:
    """Make these due: at once, or so many a second. Raises what the engine raises."""
    done = PutBack()
    now = utc_now()
    dues: dict[tuple[str, RowKey], datetime] = {}
    for one in found:
        if one.row.replays >= REPLAYS_MAX_COUNT and not force:
            done.guarded.append(one)
            continue
        later = timedelta(seconds=len(done.back) / rate) if rate else timedelta()
        dues[one.domain, one.row.key] = now + later
        done.back.append(one)
    for domain in dict.fromkeys(one.domain for one in done.back):
        engine = home.engine(domain)
        try:
            mine = [(key, due) for (owner, key), due in dues.items() if owner == domain]
            for at in range(0, len(mine), CHUNK_MAX_COUNT):
                chunk = mine[at : at + CHUNK_MAX_COUNT]
                await _patiently(engine, topology.parts[domain], chunk, f"{now:%F %T}Z {note}")
        finally:
            await engine.close()
    return done


async def _patiently(
    engine: Engine, part: Part, chunk: Sequence[tuple[RowKey, datetime]], note: str
) -> None:
    wait = WAIT_FIRST_S
    for left in reversed(range(TRIES_MAX_COUNT)):
        try:
            return await _write(engine, part, chunk, note)
        except (Conflict, LockedOut):
            if not left:
                raise
        await asyncio.sleep(wait)
        wait *= 2
    return None


async def _write(
    engine: Engine, part: Part, chunk: Sequence[tuple[RowKey, datetime]], note: str
) -> None:
    ws = Workspace(part.codecs, utc_now())
    timers = [(RetryParked(line=str(key[0])), due) for key, due in chunk]
    wanted: dict[type[Row], list[RowKey]] = {
        Parked: [key for key, _ in chunk],
        ParkedHead: [key[:1] for key, _ in chunk],
        TimerDue: [TimerDue.place(timer, due) for timer, due in timers],
    }
    tx = engine.begin(locked=True)
    try:
        await tx.fetch({part.codecs[row].table: keys for row, keys in wanted.items()})
        for row, keys in wanted.items():
            codec = part.codecs[row]
            for key in keys:
                record = tx.seen(codec.table, key)
                ws.load(row, key, None if record is None else codec.decode(record))
        for (key, due), (timer, _) in zip(chunk, timers, strict=True):
            _due_again(ws, key, due, note, timer)
        for kind, images in ws.images():
            codec = part.codecs[kind]
            for _, _, after in images:
                assert after is not None, "nothing is deleted here"
                tx.put(codec.table, codec.encode(after))
        await tx.commit()
    finally:
        await tx.rollback()


def _due_again(ws: Workspace, key: RowKey, due: datetime, note: str, timer: RetryParked) -> None:
    """A dead delivery joins its saga's line again; one that waits is due earlier."""
    row = ws.get(Parked, *key)
    if row is None:
        return  # it was replayed meanwhile
    number = join(ws, row.saga) if row.state == DEAD else row.number
    record = f"{row.note}\n{note}" if row.note else note
    ws.put(
        row.but(
            state=WAITING, number=number, due=due, attempts=0, replays=row.replays + 1,
            note=record[-NOTE_MAX_CHARS:],
        )
    )  # fmt: skip
    if ws.get(TimerDue, *TimerDue.place(timer, due)) is None:
        ws.remind(timer, due)
