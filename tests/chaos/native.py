"""Servers as processes of this machine, for a chaos run."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from streams.chaos.stage import Servers
from tests.services import kafka, postgres

#: Bytes of PostgreSQL's disk: its own files, and what five minutes of orders write.
DISK_BYTES = 1 << 30


@contextmanager
def native(advertised: str) -> Iterator[Servers]:
    """Started; gone afterwards. Only root may have a small disk."""
    small = os.geteuid() == 0
    running = postgres.running_on_small_disk(DISK_BYTES) if small else postgres.running()
    with kafka.running(advertised=advertised) as broker, running as database:
        yield Servers(broker, database)
