"""The engine over SQLite: one file, one thread that writes, snapshot readers beside it."""

from infra.engine.sqlite.engine import SqliteEngine
from infra.engine.sqlite.reader import Snapshot, SqliteReader

__all__ = ["Snapshot", "SqliteEngine", "SqliteReader"]
