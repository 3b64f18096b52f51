"""SQLite as an engine by itself: one file, its coordinator in it."""

from collections.abc import Callable
from os import PathLike, fspath
from typing import Any

from infra.clock import now_ms
from infra.engine.config.settings import CommitOptions
from infra.engine.consensus import ConsensusCommit
from infra.engine.sqlite.reader import SqliteReader
from infra.engine.sqlite.storage import SqliteStorage


class SqliteEngine(ConsensusCommit):
    """One file, its coordinator in it."""

    def __init__(
        self, storage: SqliteStorage, options: CommitOptions, clock: Callable[[], int]
    ) -> None:
        super().__init__([storage], options=options, clock=clock)
        self.storage = storage
        self.path = storage.path

    @classmethod
    def open(
        cls,
        path: str | PathLike[str],
        *,
        clock: Callable[[], int] = now_ms,
        options: CommitOptions | None = None,
        **storage: Any,
    ) -> "SqliteEngine":
        """Open the file or create it; `storage` are the arguments of SqliteStorage."""
        opened = SqliteStorage(path, clock=clock, **storage)
        return cls(opened, options or CommitOptions(), clock)

    @staticmethod
    def open_reader(path: str | PathLike[str], *, inline: bool = False) -> SqliteReader:
        """Snapshot reads beside the writer; the file must exist."""
        return SqliteReader(fspath(path), inline=inline)
