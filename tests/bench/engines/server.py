"""What the database did meanwhile: its processor time, commits of writes, and statements."""

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg

_TICKS = os.sysconf("SC_CLK_TCK")
#: Every transaction that writes takes a number; reads do not, and count as no commit here.
_COUNTS = """SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint,
(SELECT coalesce(sum(calls), 0) FROM pg_stat_statements)"""
#: The server's processes tell what they did when they have been idle for so long.
_FLUSH = "SELECT pg_stat_force_next_flush(), pg_stat_clear_snapshot(), pg_sleep(1.1)"


@dataclass
class Reading:
    """Counters of one moment."""

    cpu_s: float
    #: Transactions that wrote.
    commits: int
    statements: int


async def reading(url: str, pid: int) -> Reading:
    connection = await asyncpg.connect(url)
    await connection.execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
    await connection.fetch(_FLUSH)
    row: Any = (await connection.fetch(_COUNTS))[0]
    await connection.close()
    return Reading(cpu_s(pid), row[0], int(row[1]))


def cpu_s(pid: int) -> float:
    """Seconds of a process, of its children, and of those that have ended."""
    while True:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        with suppress(FileNotFoundError, ProcessLookupError):  # one ended, and its time moved
            fields = [_stat(pid)[11:15], *(_stat(int(child))[11:13] for child in children)]
            return sum(sum(map(int, some)) for some in fields) / _TICKS


def _stat(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
