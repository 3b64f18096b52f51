"""The servers of a run in containers of their own."""

from collections.abc import Iterator
from contextlib import contextmanager

from infra.containers import Cassandra, Kafka, OnSmallDisk
from streams.chaos.stage import OpenServers, Servers

#: PostgreSQL's own files and its log, and what orders write in a minute.
DISK_BYTES, DISK_BYTES_PER_MINUTE = 768 << 20, 64 << 20
#: What it writes ahead of them is let go of early: a disk that is full without us is no fault.
WAL = {"max_wal_size": "256MB"}


def in_containers(minutes: float) -> OpenServers:
    """For so long a run."""

    @contextmanager
    def opened(advertised: str) -> Iterator[Servers]:
        disk = DISK_BYTES + round(minutes * DISK_BYTES_PER_MINUTE)
        with (
            Kafka(advertised) as kafka,
            OnSmallDisk(disk, WAL) as postgres,
            Cassandra() as cassandra,
        ):
            yield Servers(kafka, postgres, cassandra)

    return opened
