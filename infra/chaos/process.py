"""A process of ours that is killed, paused and started again; what it says is kept in a file."""

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from infra.chaos.target import NotStarted

#: A part starts in 3 s on a quiet machine; one that waits for a broker or a store, in a minute.
START_LIMIT_SECONDS = 90.0
#: A clean stop waits for what is under way; past this it is killed.
STOP_LIMIT_SECONDS = 30.0
#: How often a starting process is looked at.
LOOK_INTERVAL_SECONDS = 0.05
#: What is told of a process that ended.
LAST_CHARS = 2_000


class Process:
    """One command line; started again it is the same one."""

    def __init__(
        self, name: str, command: Sequence[str], environ: Mapping[str, str], log: Path, ready: str
    ) -> None:
        """`ready` is in the line that it prints once it answers."""
        self.name = name
        #: That line.
        self.said = ""
        self._command, self._environ = list(command), dict(environ)
        self._log, self._ready = log, ready
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.launch()
        self.wait()

    def launch(self) -> None:
        """Start, and do not wait."""
        out = self._log.with_suffix(".out")
        with out.open("wb") as said, self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                env={**os.environ, **self._environ},
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=log,
            )

    def wait(self) -> None:
        """Until it answers; raises NotStarted with its last words if it ends instead."""
        end = time.monotonic() + START_LIMIT_SECONDS
        out = self._log.with_suffix(".out")
        while self._process is not None:
            lines = out.read_text().splitlines(keepends=True)
            for line in lines:
                if self._ready in line and line.endswith("\n"):
                    self.said = line.rstrip()
                    return
            if self._process.poll() is not None or time.monotonic() > end:
                self.kill()
                raise NotStarted(f"{self.name} did not start: {self.last_words()}")
            time.sleep(LOOK_INTERVAL_SECONDS)

    def stop(self) -> None:
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        self._end(signal.SIGKILL)

    def pause(self) -> None:
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def last_words(self) -> str:
        """The end of what it said, in its log and to people."""
        words = self._log.with_suffix(".out").read_text(errors="replace")
        return (self._log.read_text(errors="replace")[-LAST_CHARS:] + words[-LAST_CHARS:]).strip()

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(number)

    def _end(self, number: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(signal.SIGCONT)
        process.send_signal(number)
        try:
            with suppress(subprocess.TimeoutExpired):
                process.wait(STOP_LIMIT_SECONDS)
        finally:  # out of patience, or interrupted a second time
            process.kill()
            process.wait()
