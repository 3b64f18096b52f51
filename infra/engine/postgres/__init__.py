"""The engine over PostgreSQL: set-wise statements, one round trip for a one-phase commit."""

from infra.engine.errors import ConfigError

try:
    from infra.engine.postgres.storage import PostgresEngine, PostgresStorage
except ModuleNotFoundError as error:
    raise ConfigError(
        f"PostgreSQL needs the driver {error.name}: pip install 'odori-choreography[postgres]'"
    ) from None

__all__ = ["PostgresEngine", "PostgresStorage"]
