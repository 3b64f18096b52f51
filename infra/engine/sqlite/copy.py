"""Copies several SQLite files as of one moment, while others go on writing them."""

import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from urllib.parse import quote

from infra.engine.sqlite.file import BUSY_WAIT_MS
from infra.engine.sqlite.trouble import translate

#: Pages copied at a time; between two of them another thread has its turn.
COPY_STEP_PAGES = 4_096


def copy_of_one_moment(files: Sequence[Path], into: Mapping[Path, Path]) -> None:
    """Copy each file to its place in `into`, all of them as of one and the same moment.

    For some milliseconds all files are locked against writing while a snapshot of each is begun;
    what is copied then, at leisure, are those snapshots. Raises LockedOut, Unavailable.
    """
    try:
        with ExitStack() as stack:
            sources = [stack.enter_context(closing(_connect(path))) for path in files]
            with ExitStack() as locks:
                for path in sorted(files):  # one order everywhere, so that two copies cannot cross
                    lock = locks.enter_context(closing(_connect(path)))
                    lock.execute("BEGIN IMMEDIATE")
                for source in sources:
                    source.execute("BEGIN")
                    source.execute("SELECT count(*) FROM sqlite_master").fetchone()
            for path, source in zip(files, sources, strict=True):
                target = stack.enter_context(closing(sqlite3.connect(into[path])))
                source.backup(target, pages=COPY_STEP_PAGES, sleep=0)
    except sqlite3.Error as error:
        raise translate(error) from error


def is_whole(path: Path) -> bool:
    """Whether SQLite finds this file in order."""
    try:
        with closing(_connect(path)) as connection:
            return connection.execute("PRAGMA quick_check").fetchall() == [("ok",)]
    except sqlite3.Error:
        return False


def _connect(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(
        f"file:{quote(str(path.absolute()))}?mode=rw", uri=True, isolation_level=None,
        timeout=BUSY_WAIT_MS / 1000,
    )  # fmt: skip
