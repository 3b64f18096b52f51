"""Keeps the WAL short, and in place, without making a commit wait for it."""

import os
from contextlib import suppress
from threading import Event, Lock, Thread
from time import monotonic

from infra.engine.errors import EngineError
from infra.engine.sqlite.connection import WAL_BYTES
from infra.engine.sqlite.file import File, NotNow

#: What a pass that takes longer leaves behind would make the writer wait; so another pass follows.
SHORT_PASS_S = 0.02
#: Passes in a row; under load each is a fraction of the one before.
PASSES_MAX_COUNT = 5
#: How long the end of a pass waits for readers; meanwhile nobody writes, so it is short.
RESTART_WAIT_MS = 100

# https://www.sqlite.org/walformat.html: a header with the page size and the salts of this turn of
# the file, then frames, each of them a header with the salts that it was written under, and a page.
_HEADER_BYTES = 32
_PAGE_SIZE_AT, _SALTS_AT = 8, 16
_FRAME_HEADER_BYTES, _FRAME_SALTS_AT, _SALTS_BYTES = 24, 8, 8


class Checkpointer:
    """A thread with a connection of its own; `watch` before each write is two small reads.

    A WAL that is copied to its end is written again from its front. That is what makes commits
    quick: a file that grows has its size to be synced, too, which files of one disk do in turn.
    """

    def __init__(self, path: str) -> None:
        self._path = path + "-wal"
        self._wal: int | None = None
        self._file = File(path, create=False, busy_ms=RESTART_WAIT_MS)
        self._due_bytes = WAL_BYTES
        self._wake = Event()
        self._closing = False
        self._passing, self._restarting = Lock(), Lock()
        self._thread = Thread(target=self._run, name=f"checkpoint {path}", daemon=True)
        self._thread.start()

    def watch(self, patient: bool) -> None:
        """Have the WAL emptied if it is due; unless `patient`, NotNow while that must finish.

        Where a disk copies slower than it is written to, the writer waits for the whole of it.
        """
        until = self._restarting
        if self._reaches(self._due_bytes):
            self._wake.set()
            if self._reaches(self._due_bytes + WAL_BYTES):
                until = self._passing
        if not until.acquire(blocking=patient):
            raise NotNow("the WAL is being emptied")
        until.release()

    def close(self) -> None:
        self._closing = True
        self._wake.set()
        self._thread.join()
        self._file.close()
        if self._wal is not None:
            os.close(self._wal)
            self._wal = None

    def _run(self) -> None:
        while self._wake.wait() and not self._closing:
            self._wake.clear()
            # After a lock or a full disk the next commit asks again.
            with suppress(EngineError), self._passing:
                self._pass()

    def _pass(self) -> None:
        for _ in range(PASSES_MAX_COUNT):
            begun = monotonic()
            self._file.checkpoint("PASSIVE")
            if monotonic() - begun < SHORT_PASS_S or self._closing:
                break
        with self._restarting:  # only while nobody writes, a WAL can be copied to its end
            busy, _, _ = self._file.checkpoint("RESTART")
        self._due_bytes = self._due_bytes + WAL_BYTES if busy else WAL_BYTES

    def _reaches(self, size: int) -> bool:
        """Whether what is written since the WAL began anew is so long; its file may be longer."""
        if self._wal is None:
            try:
                self._wal = os.open(self._path, os.O_RDONLY)
            except FileNotFoundError:
                return False
        header = os.pread(self._wal, _HEADER_BYTES, 0)
        page = int.from_bytes(header[_PAGE_SIZE_AT : _PAGE_SIZE_AT + 4], "big")
        frame = _FRAME_HEADER_BYTES + page
        at = _HEADER_BYTES + size // frame * frame
        salts = os.pread(self._wal, _SALTS_BYTES, at + _FRAME_SALTS_AT)
        return len(salts) == _SALTS_BYTES and salts == header[_SALTS_AT : _SALTS_AT + _SALTS_BYTES]
