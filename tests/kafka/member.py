"""A member of a consumer group in a process of its own, to be stopped and killed by tests."""

import argparse
import asyncio
import signal
from typing import Any

from infra.bus.kafka.connection import Connection
from infra.bus.kafka.receiver import Receiver

#: Short, so that a test of a paused or killed member need not wait for long.
SESSION: dict[str, Any] = {"session_timeout_ms": 1_500, "heartbeat_interval_ms": 300}
#: Longer than a test of a member with a name would wait.
LONG_SESSION: dict[str, Any] = {"session_timeout_ms": 45_000}


async def main(address: str, group: str, topic: str, hold: bool, name: str) -> None:
    """Print each value on a line of its own; with `hold` never call anything done."""
    receiver = Receiver(Connection(address), group, name, **(LONG_SESSION if name else SESSION))
    await receiver.start([topic])
    print("ready", flush=True)
    told = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, told.set)
    stopping = asyncio.create_task(told.wait())
    while not stopping.done():
        polling = asyncio.create_task(receiver.poll(100, 1 << 20))
        await asyncio.wait([polling, stopping], return_when=asyncio.FIRST_COMPLETED)
        if not polling.done():
            polling.cancel()
            break
        for record in polling.result():
            print(record.value.decode(), flush=True)
        if not hold:
            receiver.done((r.topic, r.partition, r.offset) for r in polling.result())
    await receiver.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("address")
    parser.add_argument("group")
    parser.add_argument("topic")
    parser.add_argument("--hold", action="store_true")
    parser.add_argument("--name", default="", help="then its session is long")
    asked = parser.parse_args()
    asyncio.run(main(asked.address, asked.group, asked.topic, asked.hold, asked.name))
