"""Keeps the WAL short without making a commit wait for it."""

from contextlib import suppress
from pathlib import Path
from threading import Event, Thread

from infra.engine.errors import EngineError
from infra.engine.sqlite.file import WAL_BYTES, File

#: After a pass that could not finish, the WAL may grow so much before the next one.
STEP_BYTES = WAL_BYTES // 4
#: A WAL that passes could not empty; now the writer waits for the rest of it (some pages).
WAL_MAX_BYTES = 4 * WAL_BYTES
#: How long that last resort waits for readers; meanwhile nobody writes, so it is short.
RESTART_WAIT_MS = 50


class Checkpointer:
    """A thread with a connection of its own; `watch` after each commit is one stat call."""

    def __init__(self, path: str) -> None:
        self._wal = Path(path + "-wal")
        self._file = File(path, create=False, busy_ms=RESTART_WAIT_MS)
        self._due_bytes = WAL_BYTES
        self._wake = Event()
        self._closing = False
        self._thread = Thread(target=self._run, name=f"checkpoint {path}", daemon=True)
        self._thread.start()

    def watch(self) -> None:
        if self._wal_bytes() > self._due_bytes:
            self._wake.set()

    def close(self) -> None:
        self._closing = True
        self._wake.set()
        self._thread.join()
        self._file.close()

    def _run(self) -> None:
        while self._wake.wait() and not self._closing:
            self._wake.clear()
            with suppress(EngineError):  # a lock or a full disk: the next commit asks again
                self._pass()

    def _pass(self) -> None:
        _, pages, copied = self._file.checkpoint("PASSIVE")
        size = self._wal_bytes()
        if copied < pages and size > WAL_MAX_BYTES:
            busy, _, _ = self._file.checkpoint("RESTART")
            copied = copied if busy else pages
        # A WAL that was copied to its end starts again at the front with the next commit.
        self._due_bytes = WAL_BYTES if copied >= pages else size + STEP_BYTES

    def _wal_bytes(self) -> int:
        try:
            return self._wal.stat().st_size
        except FileNotFoundError:
            return 0
