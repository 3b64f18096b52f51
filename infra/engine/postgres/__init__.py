"""The engine over PostgreSQL: set-wise statements, one round trip for a one-phase commit."""

from infra.engine.postgres.storage import PostgresEngine, PostgresStorage

__all__ = ["PostgresEngine", "PostgresStorage"]
