"""Publishing on the embedded bus: commands as rows of the target domain's outbox, by a lane of our
own, exactly as a domain announces its events. A running system sees them within a second."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from itertools import islice

from infra.engine.engine import Engine
from infra.engine.errors import EngineError
from schemas.message import Command
from streams import operator
from streams.envelope import Envelope
from streams.home import Home
from streams.lane import Lane, open_lane, retire
from streams.publishing.pace import Pace
from streams.publishing.senders import C, Sent
from streams.rows import LaneRow
from streams.topology import Part, Topology
from streams.trace import taken_over

#: Commands in one transaction; the running system needs the file, too.
CHUNK_MAX_COMMANDS = 200
#: How often one chunk is tried; sent twice is done once, its domain's ledger sees to that.
TRIES_MAX_COUNT = 5
#: The first wait after a try that failed; it doubles.
WAIT_FIRST_S = 0.1


class LaneSender:
    """Writes to the stores; the data folder's secret makes it the operator's."""

    def __init__(self, home: Home, topology: Topology, key: str, pace: Pace) -> None:
        self._home = home
        self._topology = topology
        self._key = key
        self._pace = pace
        self._writers: dict[str, _Writer] = {}

    async def send(self, commands: Iterable[C], progress: Callable[[Sequence[C]], None]) -> Sent[C]:
        left, sent = iter(commands), Sent[C]()
        size = 1 if self._pace.limited else CHUNK_MAX_COMMANDS
        while chunk := list(islice(left, size)):
            await self._pace.turns(len(chunk))
            for domain in dict.fromkeys(command.spec.domain for command in chunk):
                mine = [c for c in chunk if c.spec.domain == domain]
                await (await self._writer(domain)).write(mine)
            sent.accepted.update(command.spec.subject(command) for command in chunk)
            progress(chunk)
        return sent

    async def _writer(self, domain: str) -> "_Writer":
        if domain not in self._writers:
            part = self._topology.parts[domain]
            writer = _Writer(part, self._home.engine(domain), self._key)
            await writer.open()
            self._writers[domain] = writer
        return self._writers[domain]

    async def close(self) -> None:
        for writer in self._writers.values():
            await writer.close()


class _Writer:
    """A lane in one domain's store."""

    def __init__(self, part: Part, engine: Engine, key: str) -> None:
        self._part = part
        self._key = key
        self._codec = part.codecs[LaneRow]
        self._engine = engine

    async def open(self) -> None:
        await self._engine.apply(self._part.tables)
        self._lane = await open_lane(self._engine, self._codec, self._part.name)

    async def write(self, commands: Sequence[Command]) -> None:
        """Commit the commands as the lane's next rows; a lane in doubt is left to be adopted."""
        wait = WAIT_FIRST_S
        for left in reversed(range(TRIES_MAX_COUNT)):
            try:
                await self._commit(commands)
                break
            except EngineError:
                if not left:
                    raise
            await asyncio.sleep(wait)
            wait *= 2
            self._lane = await open_lane(self._engine, self._codec, self._part.name)

    async def _commit(self, commands: Sequence[Command]) -> None:
        tx, lane = self._engine.begin(), self._lane
        try:
            for number, command in enumerate(commands, start=lane.row.next):
                envelope = self._envelope(command, lane, number)
                tx.insert(self._part.outbox, envelope.row(lane.name))
            row = lane.advance(tx, len(commands), known=True)
            await tx.commit()
        finally:
            await tx.rollback()
        lane.committed(row, tx.id)
        lane.acknowledged = row.next - 1  # committed is published: the bus reads these very rows

    def _envelope(self, command: Command, lane: Lane, sequence: int) -> Envelope:
        source = f"/odori/{self._part.name}/{lane.name}"
        return envelope_of(command, f"{lane.name}-{sequence}", source, self._key, sequence)

    async def close(self) -> None:
        await retire(self._engine, self._lane)
        await self._engine.close()


def envelope_of(command: Command, id_: str, source: str, key: str, sequence: int = 0) -> Envelope:
    """A command as its topic carries it, marked as the operator's where only the operator may."""
    spec, trace = command.spec, taken_over(None)
    envelope = Envelope(
        id=id_, source=source, type=spec.wire, topic=spec.topic, key=spec.key(command),
        payload=command.payload(), saga=spec.saga(command), subject=spec.subject(command),
        time=datetime.now(UTC).isoformat(timespec="milliseconds"), sequence=sequence,
        traceparent=trace, origin=trace, body=command,
    )  # fmt: skip
    if spec.operator:
        operator.mark(key, envelope)
    return envelope
