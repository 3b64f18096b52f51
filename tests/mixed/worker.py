"""The Python side's process. Its input is one line, a command as the Java driver takes them: do
(bank or append), properties, clock_ahead_ms, and the fields of that load; it works until its input
ends."""

import asyncio
import json
import sys

from infra.clock import now_ms
from infra.engine.config import load
from infra.engine.consensus import ConsensusCommit
from infra.engine.opening import opened
from tests.mixed.append import append
from tests.mixed.bank import bank

LOADS = {"append": append, "bank": bank}


async def main() -> None:
    """What the command says; then a line with what was counted."""
    ask = json.loads(sys.stdin.readline())
    settings, ahead = load(ask["properties"]), ask["clock_ahead_ms"]
    engine = ConsensusCommit(
        [opened(one, settings.consensus_commit) for one in settings.storages.values()],
        options=settings.consensus_commit,
        clock=lambda: now_ms() + ahead,
    )
    try:
        said = await LOADS[ask["do"]](engine, ask)
    finally:
        await engine.close()
    print(json.dumps(said), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
