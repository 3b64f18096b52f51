"""The engine over SQLite: one file, one thread that writes, snapshot readers beside it."""

from infra.engine.sqlite.engine import SqliteEngine
from infra.engine.sqlite.reader import SqliteReader

__all__ = ["SqliteEngine", "SqliteReader"]
