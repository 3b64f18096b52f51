"""Publishes what a lane has committed: from memory if it can, from the outbox rows if it must."""

import asyncio
from collections import deque
from collections.abc import Sequence

from infra.engine.errors import EngineError
from infra.observe import observe
from streams.bus import Bus
from streams.embedded import Shelf
from streams.envelope import Envelope
from streams.lane import Lane

#: Envelopes kept in memory; the rest of the range is read from the outbox again.
MEMORY_MAX_MESSAGES = 20_000
#: Messages handed to the bus at a time.
SEND_MAX_MESSAGES = 2_000
#: The first wait after a send that failed; it doubles.
BACKOFF_FIRST_S = 0.05
#: The longest wait between two sends to a bus that is gone.
BACKOFF_MAX_S = 2.0


class Relay:
    """The one publisher of one lane; `lane.acknowledged` never passes a hole. A `silent` one leaves
    that to somebody else, who reads the outbox: what is committed counts as published."""

    def __init__(self, bus: Bus, shelf: Shelf, lane: Lane, *, silent: bool = False) -> None:
        self.lane = lane
        self._bus = bus
        self._shelf = shelf
        self._silent = silent
        self._memory: deque[Envelope] = deque()
        self._wake = asyncio.Event()

    @property
    def last(self) -> int:
        """The last committed sequence of the lane."""
        return self.lane.row.next - 1

    def push(self, envelopes: Sequence[Envelope]) -> None:
        """Remember what a commit announced; the lane row already counts it."""
        if not self._silent and len(self._memory) + len(envelopes) <= MEMORY_MAX_MESSAGES:
            self._memory.extend(envelopes)
        self._wake.set()

    async def flush(self) -> bool:
        """Send what is committed and not acknowledged; False if the bus did not take it all."""
        if self._silent:
            self.lane.acknowledged = self.last
        while self.lane.acknowledged < self.last:
            batch = await self._batch()
            reached = await self._bus.publish(self.lane.name, batch)
            self.lane.acknowledged = max(self.lane.acknowledged, reached)
            if reached < batch[-1].sequence:
                self._memory.clear()
                return False
        return True

    async def _batch(self) -> list[Envelope]:
        """The next messages in sequence, without a hole."""
        memory, after = self._memory, self.lane.acknowledged
        while memory and memory[0].sequence <= after:
            memory.popleft()
        if memory and memory[0].sequence == after + 1:
            count = min(len(memory), SEND_MAX_MESSAGES)
            batch = [memory.popleft() for _ in range(count)]
            whole = batch[-1].sequence - batch[0].sequence + 1 == len(batch)
            if whole:
                return batch
        memory.clear()
        records = await self._shelf.page(self.lane.name, after, SEND_MAX_MESSAGES)
        return [Envelope.of_row(record.values) for record in records]

    async def run(self) -> None:
        """Publish for ever; slower while the bus is gone."""
        wait = BACKOFF_FIRST_S
        while True:
            await self._wake.wait()
            self._wake.clear()
            try:
                flushed = await self.flush()
            except EngineError as error:
                observe("store.trouble", lane=self.lane.name, error=str(error))
                flushed = False
            if flushed:
                wait = BACKOFF_FIRST_S
            else:
                await asyncio.sleep(wait)
                wait = min(wait * 2, BACKOFF_MAX_S)
                self._wake.set()
