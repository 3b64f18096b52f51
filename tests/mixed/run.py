"""A load on the Python engine: tasks run transactions at random and write down each outcome."""

import asyncio
import json
import random
import sys
import threading
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from infra.engine.buffered import BufferedTransaction
from infra.engine.config import Isolation
from infra.engine.consensus import ConsensusCommit
from infra.engine.errors import EngineError, UnknownOutcome
from infra.engine.table import Table

Ask = dict[str, Any]
#: After a transaction that failed: whoever was in the way needs the processor, too.
PAUSE_SECONDS = 0.005


class Run:
    """An engine under load, as a command asks for it, until the input ends."""

    def __init__(self, engine: ConsensusCommit, ask: Ask, journal: Path) -> None:
        self.engine = engine
        self.counts: Counter[str] = Counter()
        self.errors: Counter[str] = Counter()
        self._ask = ask
        self._stop = asyncio.Event()
        # Unbuffered: what was written is there after a kill.
        self._journal = journal.open("ab", buffering=0)

    def write(self, **line: Any) -> None:
        """A line of the journal."""
        self._journal.write(json.dumps(line).encode() + b"\n")

    async def table(self, field: str) -> Table:
        """A table that the command names, and that the other side made."""
        namespace, name = self._ask["namespace"], self._ask[field]
        found = await self.engine.home_of(namespace).describe(namespace, name)
        assert found, f"no table {namespace}.{name}"
        return found

    def begin(self) -> BufferedTransaction:
        return self.engine.begin(isolation=Isolation(self._ask.get("isolation", "SNAPSHOT")))

    async def attempt(self, tx: BufferedTransaction, work: Awaitable[None]) -> tuple[str, str]:
        """Do the work and commit: committed, aborted or unknown; and the error."""
        try:
            await work
            await tx.commit()
        except UnknownOutcome as error:
            return "unknown", self._said(error)
        except EngineError as error:
            await tx.rollback()
            return "aborted", self._said(error)
        return "committed", ""

    def _said(self, error: EngineError) -> str:
        self.errors[type(error).__name__] += 1
        return f"{type(error).__name__}: {error}"

    async def tasks(self, step: Callable[[int, random.Random], Awaitable[str]]) -> Ask:
        """As many tasks at once as the command says; what they counted. `step` is given the
        task's number and its chance, and answers an outcome."""
        loop = asyncio.get_running_loop()

        def wait_for_end_of_input() -> None:
            sys.stdin.read()
            loop.call_soon_threadsafe(self._stop.set)

        threading.Thread(target=wait_for_end_of_input, daemon=True).start()
        await asyncio.gather(*(self._task(step, task) for task in range(self._ask["threads"])))
        return {**self.counts, "errors": dict(self.errors)}

    async def _task(self, step: Callable[[int, random.Random], Awaitable[str]], task: int) -> None:
        chance = random.Random(self._ask["seed"] * 1_000 + task)
        while not self._stop.is_set():
            outcome = await step(task, chance)
            self.counts[outcome] += 1
            if outcome != "committed":
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._stop.wait(), PAUSE_SECONDS)
