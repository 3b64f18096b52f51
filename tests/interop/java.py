"""ScalarDB itself: the Java library in a process of its own, which does what it is told."""

import asyncio
import json
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

from tests.services.jars import Program, java

PROGRAM = Program("scalardb", Path(__file__).parent / "driver" / "pom.xml")
#: A command waits for 15 s at most until an abandoned record expires, then for busy databases.
ANSWER_LIMIT_SECONDS = 60
#: A process whose input ended halts at once.
STOP_LIMIT_SECONDS = 10
#: What of its log is in the error of a process that is gone.
LAST_WORDS_CHARACTERS = 1_000


class JavaError(Exception):
    """What the library threw: the class's simple name, and what it said."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(f"{kind}: {message}")
        self.kind, self.message = kind, message


def lacking() -> str | None:
    """Why ScalarDB cannot run here, or None."""
    return PROGRAM.lacking()


class Java:
    """One process of the driver. Commands run side by side; each waits for its own answer."""

    def __init__(self, log: Path, heap: str = "512m") -> None:
        PROGRAM.build()
        self._log = log
        with log.open("ab") as errors:
            self._process = subprocess.Popen(
                java(heap, "-cp", PROGRAM.classpath, "odori.Driver"),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                encoding="utf-8",
            )
        self.pid = self._process.pid
        self._ids = count(1)
        self._waiting: dict[int, Future[Any]] = {}
        self._lock = threading.Lock()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def send(self, do: str, **fields: Any) -> Future[Any]:
        """A command under way. `if_` is the field `if`; fields that are None are left out."""
        number, future = next(self._ids), Future[Any]()
        command = {name.rstrip("_"): value for name, value in fields.items() if value is not None}
        line = json.dumps({"id": number, "do": do, **command}) + "\n"
        with self._lock:
            self._waiting[number] = future
            assert self._process.stdin
            try:
                self._process.stdin.write(line)
                self._process.stdin.flush()
            except (OSError, ValueError):
                self._gone()
        return future

    def ask(self, do: str, patience: float = ANSWER_LIMIT_SECONDS, **fields: Any) -> Any:
        """What the command answers; a JavaError if the library refused."""
        return self.send(do, **fields).result(patience)

    async def answer(self, do: str, patience: float = ANSWER_LIMIT_SECONDS, **fields: Any) -> Any:
        """As `ask`, for coroutines."""
        return await asyncio.wait_for(asyncio.wrap_future(self.send(do, **fields)), patience)

    def stop(self) -> None:
        """End its input; transactions that are open stay as they are."""
        with self._lock:
            assert self._process.stdin
            self._process.stdin.close()
        try:
            self._process.wait(STOP_LIMIT_SECONDS)
        finally:
            self.kill()

    def kill(self) -> None:
        """kill -9."""
        self._process.kill()
        self._process.wait()
        self._reader.join()
        assert self._process.stdout
        self._process.stdout.close()

    def _read(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            answer = json.loads(line)
            with self._lock:
                future = self._waiting.pop(answer["id"])
            if "error" in answer:
                future.set_exception(JavaError(answer["error"], answer["message"]))
            else:
                future.set_result(answer["value"])
        with self._lock:
            self._gone()

    def _gone(self) -> None:
        last = self._log.read_text(errors="replace")[-LAST_WORDS_CHARACTERS:]
        while self._waiting:
            future = self._waiting.popitem()[1]
            future.set_exception(JavaError("Gone", f"the process ended. {last}"))


@contextmanager
def running(heap: str = "512m") -> Iterator[Java]:
    """A driver that is stopped afterwards; if it fails to, it is killed."""
    with tempfile.TemporaryDirectory(prefix="odori-java-") as folder:
        driver = Java(Path(folder, "java.log"), heap)
        try:
            yield driver
        finally:
            driver.stop()
