"""The time, asked in one place, so that a test or a simulation can be its own clock."""

import time
from datetime import UTC, datetime


def utc_now() -> datetime:
    """The current time in UTC, cut to milliseconds as every store keeps it."""
    now = datetime.now(UTC)
    return now.replace(microsecond=now.microsecond // 1000 * 1000)


def now_ms() -> int:
    """The current time in epoch milliseconds."""
    return time.time_ns() // 1_000_000
