"""Kafka, PostgreSQL and Cassandra in containers of their own, by testcontainers (needs Docker)."""

from infra.containers.cassandra import Cassandra
from infra.containers.container import Container, ContainerError, has_image, lacking
from infra.containers.kafka import Kafka
from infra.containers.postgres import OnSmallDisk, Postgres

__all__ = [
    "Cassandra",
    "Container",
    "ContainerError",
    "Kafka",
    "OnSmallDisk",
    "Postgres",
    "has_image",
    "lacking",
]
