"""Kafka, one node; testcontainers' own class is written for another image."""

import socket

from testcontainers.core.container import DockerContainer

from infra.containers import ready
from infra.containers.container import Container

#: Any id will do: every volume holds one node of its own.
CLUSTER_ID = "b2RvcmktdGVzdC1rYWZrYQ"


class Kafka(Container):
    """Broker and controller in one; clients are told `advertised`, or else where it listens."""

    name = "Kafka"
    image = "apache/kafka:4.1.0"
    inside = 9092
    memory = "768m"

    def __init__(self, advertised: str = "") -> None:
        super().__init__()
        self.advertised = advertised or self.address

    def make(self) -> DockerContainer:
        settings = {
            "NODE_ID": "1",
            "PROCESS_ROLES": "broker,controller",
            "CONTROLLER_QUORUM_VOTERS": "1@localhost:9093",
            "LISTENERS": "PLAINTEXT://0.0.0.0:9092,CONTROLLER://localhost:9093",
            "ADVERTISED_LISTENERS": f"PLAINTEXT://{self.advertised}",
            "LISTENER_SECURITY_PROTOCOL_MAP": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
            "INTER_BROKER_LISTENER_NAME": "PLAINTEXT",
            "CONTROLLER_LISTENER_NAMES": "CONTROLLER",
            "LOG_DIRS": "/var/lib/kafka/data",
            "OFFSETS_TOPIC_REPLICATION_FACTOR": "1",
            "OFFSETS_TOPIC_NUM_PARTITIONS": "4",
            "TRANSACTION_STATE_LOG_REPLICATION_FACTOR": "1",
            "TRANSACTION_STATE_LOG_MIN_ISR": "1",
            "TRANSACTION_STATE_LOG_NUM_PARTITIONS": "4",
            "GROUP_INITIAL_REBALANCE_DELAY_MS": "0",
            "GROUP_MIN_SESSION_TIMEOUT_MS": "1000",
            # for so long after a kill it would take itself for still there
            "BROKER_SESSION_TIMEOUT_MS": "3000",
            "BROKER_HEARTBEAT_INTERVAL_MS": "1000",
            "AUTO_CREATE_TOPICS_ENABLE": "false",
            "HEAP_OPTS": "-Xms384m -Xmx384m",
        }
        made = DockerContainer(self.image).with_env("CLUSTER_ID", CLUSTER_ID)
        return made.with_envs(**{f"KAFKA_{name}": value for name, value in settings.items()})

    def answers(self, connection: socket.socket) -> bool:
        return ready.kafka(connection)
