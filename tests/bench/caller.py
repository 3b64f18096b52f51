"""Orders over HTTP as fast as they are answered: `python -m tests.bench.caller URL SECONDS`.

Says how it went as one line of JSON.
"""

import asyncio
import json
import sys
import time
from collections import Counter
from collections.abc import Iterator
from urllib.parse import urlsplit

import uvloop

from schemas.order import PlaceOrder
from tests.bench.figures import percentile
from tests.bench.load import orders

#: Customers that wait for their answer at a time, each on a connection that is kept.
CONNECTIONS = 256
#: Bytes of one answer; ours have some hundred.
ANSWER_MAX_BYTES = 65_536

Answers = list[tuple[int, float]]


async def call(url: str, seconds: float) -> Answers:
    """Status and seconds of every answer."""
    parts, end = urlsplit(url), time.perf_counter() + seconds
    answers: Answers = []
    placing = orders(seed=7)
    async with asyncio.TaskGroup() as group:
        for _ in range(CONNECTIONS):
            group.create_task(_customer(parts.hostname, parts.port, placing, end, answers))
    return answers


async def _customer(
    host: str | None, port: int | None, placing: Iterator[PlaceOrder], end: float, answers: Answers
) -> None:
    reader, writer = await asyncio.open_connection(host, port, limit=ANSWER_MAX_BYTES)
    head = f"POST /api/orders HTTP/1.1\r\nhost: {host}:{port}\r\ncontent-type: application/json\r\n"
    while (began := time.perf_counter()) < end:
        body = next(placing).payload()
        writer.write(f"{head}content-length: {len(body)}\r\n\r\n".encode() + body)
        answer = await reader.readuntil(b"\r\n\r\n")
        await reader.readexactly(_length(answer))
        answers.append((int(answer[9:12]), time.perf_counter() - began))
    writer.close()


def _length(head: bytes) -> int:
    """The answer's content-length, which all of ours have."""
    _, _, rest = head.lower().partition(b"\r\ncontent-length:")
    return int(rest.partition(b"\r\n")[0])


def main() -> None:
    url, seconds = sys.argv[1], float(sys.argv[2])
    began = time.perf_counter()
    answers = uvloop.run(call(url, seconds))
    took = time.perf_counter() - began
    statuses = Counter(status for status, _ in answers)
    if others := statuses.keys() - {202, 503}:
        raise SystemExit(f"answered {others}")
    times = [seconds * 1000 for status, seconds in answers if status == 202]
    said = {
        "seconds": took, "accepted": statuses[202], "busy": statuses[503],
        "p50_ms": percentile(times, 50), "p99_ms": percentile(times, 99),
        "cpu_seconds": time.process_time(),
    }  # fmt: skip
    print(json.dumps(said))


if __name__ == "__main__":
    main()
