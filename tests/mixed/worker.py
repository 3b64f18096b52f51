"""The Python side's process. Its input is one line, a command as the Java driver takes them: do
(bank or append), properties, and the fields of that load; it works until its input ends."""

import asyncio
import json
import sys

from infra.engine.config import load
from infra.engine.opening import open_engine
from tests.mixed.append import append
from tests.mixed.bank import bank

LOADS = {"append": append, "bank": bank}


async def main() -> None:
    """What the command says; then a line with what was counted."""
    ask = json.loads(sys.stdin.readline())
    engine = open_engine(load(ask["properties"]))
    try:
        said = await LOADS[ask["do"]](engine, ask)
    finally:
        await engine.close()
    print(json.dumps(said), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
