"""A look at the disk of Cassandra by another way than the engine's."""

from collections.abc import Iterator

import pytest
from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile, Session
from cassandra.policies import RoundRobinPolicy
from cassandra.query import dict_factory

from infra.engine.cassandra.connection import PROTOCOL_VERSION
from tests.conformance.engine.bindings import CassandraBinding


@pytest.fixture
def driver(binding: CassandraBinding) -> Iterator[Session]:
    """The driver as anybody uses it."""
    settings = binding.settings
    profile = ExecutionProfile(RoundRobinPolicy(), row_factory=dict_factory)
    with Cluster(
        settings.contact_points,
        port=settings.contact_port,
        protocol_version=PROTOCOL_VERSION,
        execution_profiles={EXEC_PROFILE_DEFAULT: profile},
    ) as cluster:
        yield cluster.connect()
