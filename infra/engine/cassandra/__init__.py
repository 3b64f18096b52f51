"""The engine over Cassandra: every record is written by a lightweight transaction."""

from infra.engine.errors import ConfigError

try:
    from infra.engine.cassandra.storage import CassandraStorage
except ModuleNotFoundError as error:
    raise ConfigError(
        f"Cassandra needs the driver {error.name}: pip install 'odori-choreography[cassandra]'"
    ) from None

__all__ = ["CassandraStorage"]
