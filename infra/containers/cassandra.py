"""Cassandra, one node."""

import socket

from testcontainers.community.cassandra import CassandraContainer
from testcontainers.core.container import DockerContainer
from testcontainers.core.wait_strategies import ContainerStatusWaitStrategy

from infra.containers import ready
from infra.containers.container import Container

#: One node waits for nobody; what is acknowledged is on the disk, which Cassandra by itself does
#: not wait for: a kill would take back the last writes, which no other node has.
OPTIONS = (
    "-Dcassandra.skip_wait_for_gossip_to_settle=0 -Dcassandra.ring_delay_ms=1"
    " -Dcassandra.config.allow_system_properties=true"
    " -Dcassandra.settings.commitlog_sync=batch"
    " -Dcassandra.settings.commitlog_sync_period=0ms"
)


class Cassandra(Container):
    """One node for itself."""

    name = "Cassandra"
    image = "cassandra:5.0.5"
    inside = 9042
    memory = "1280m"

    def make(self) -> DockerContainer:
        # `Container` waits for the rest, and sees when it has ended
        made = CassandraContainer(self.image).waiting_for(ContainerStatusWaitStrategy())
        return made.with_envs(
            JVM_OPTS="", JVM_EXTRA_OPTS=OPTIONS, MAX_HEAP_SIZE="512M", HEAP_NEWSIZE="128M"
        )

    def answers(self, connection: socket.socket) -> bool:
        return ready.cassandra(connection)
