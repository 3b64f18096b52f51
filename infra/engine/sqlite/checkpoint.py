"""Keeps the WAL short without making a commit wait for it."""

from contextlib import suppress
from pathlib import Path
from threading import Event, Lock, Thread

from infra.engine.errors import EngineError
from infra.engine.sqlite.file import WAL_BYTES, File

#: After a pass that could not finish, the WAL may grow so much before the next one: a page that
#: changes often is copied once a pass, so that rare passes cost less.
STEP_BYTES = WAL_BYTES
#: A WAL that passes could not empty; now the writer waits for the rest of it (some pages).
WAL_MAX_BYTES = 3 * WAL_BYTES
#: How long that last resort waits for readers; meanwhile nobody writes, so it is short.
RESTART_WAIT_MS = 100


class Checkpointer:
    """A thread with a connection of its own; `watch` before each write is one stat call."""

    def __init__(self, path: str) -> None:
        self._wal = Path(path + "-wal")
        self._file = File(path, create=False, busy_ms=RESTART_WAIT_MS)
        self._due_bytes = WAL_BYTES
        self._wake = Event()
        self._closing = False
        self._restarting = Lock()
        self._thread = Thread(target=self._run, name=f"checkpoint {path}", daemon=True)
        self._thread.start()

    def watch(self) -> None:
        size = self._wal_bytes()
        if size <= WAL_BYTES:
            self._due_bytes = WAL_BYTES
        elif size > self._due_bytes:
            self._wake.set()
        with self._restarting:  # only while nobody writes, a WAL can be copied to its end
            pass

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
        # What was committed during this pass is not in it, and keeps the WAL from starting again
        # at its front; only its size tells, for SQLite then cuts the file back to WAL_BYTES.
        self._file.checkpoint("PASSIVE")
        size = self._wal_bytes()
        if size <= WAL_MAX_BYTES:
            self._due_bytes = size + STEP_BYTES
            return
        with self._restarting:
            busy, _, _ = self._file.checkpoint("RESTART")
        self._due_bytes = size + WAL_BYTES if busy else WAL_BYTES

    def _wal_bytes(self) -> int:
        try:
            return self._wal.stat().st_size
        except FileNotFoundError:
            return 0
