"""The engine over Cassandra: every record is written by a lightweight transaction."""

from infra.engine.cassandra.storage import CassandraStorage

__all__ = ["CassandraStorage"]
