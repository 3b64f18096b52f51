"""Servers as processes of this machine, for a run where no container can be had."""

from collections.abc import Iterator
from contextlib import contextmanager

from streams.chaos.stage import Servers
from tests.services import cassandra, kafka, postgres


@contextmanager
def native(advertised: str) -> Iterator[Servers]:
    """Started; gone afterwards. Their disks are this machine's, and are not filled."""
    with (
        kafka.running(advertised=advertised) as broker,
        postgres.running() as database,
        cassandra.running() as other,
    ):
        yield Servers(broker, database, other)
