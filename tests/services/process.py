"""What all servers of the tests share: free ports, and a process that is there or gone."""

import os
import signal
import socket
import subprocess
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import ClassVar, TypeVar

#: A quiet machine starts the slowest in 12 s; busy ones were seen to take 20.
START_LIMIT_SECONDS = 90
#: A clean stop takes up to 8 s after a load; past this it is killed.
STOP_LIMIT_SECONDS = 30
#: How often a starting server is asked whether it is there.
ASK_INTERVAL_SECONDS = 0.1
#: What a server may take to answer one such question.
ANSWER_LIMIT_SECONDS = 1


def free_ports(count: int) -> list[int]:
    """Ports nobody listens on, different from one another."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


def family(pid: int) -> set[int]:
    """A process and all that descends from it."""
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    children = {int(word) for task in tasks for word in task.read_text().split()}
    return {pid}.union(*(family(child) for child in children))


class Server(ABC):
    """One process on 127.0.0.1. It keeps its data and its port over stop, kill and start."""

    name: ClassVar[str]
    #: How it is asked to end, and how it ends as by a power cut.
    stopping: ClassVar[signal.Signals] = signal.SIGTERM
    killing: ClassVar[signal.Signals] = signal.SIGKILL
    #: Who it runs as, by the numbers of user and group; None is ourselves.
    account: tuple[int, int] | None = None

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_ports(1)[0]
        self.address = f"127.0.0.1:{self.port}"
        #: What a client is given.
        self.url = self.address
        self.process: subprocess.Popen[bytes] | None = None

    @abstractmethod
    def start(self) -> None:
        """Start on what is there, and wait until it answers."""

    @abstractmethod
    def answers(self, connection: socket.socket) -> bool:
        """Whether the first request of every client is answered."""

    def stop(self) -> None:
        """Ask it to end."""
        self._end(self.stopping)

    def kill(self) -> None:
        """End it as a power cut would."""
        self._end(self.killing)

    def alive(self) -> bool:
        """Whether it runs, or is paused."""
        return self.process is not None and self.process.poll() is None

    def pause(self) -> None:
        """Let it do nothing, its connections open."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        assert self.process
        for pid in family(self.process.pid):
            os.kill(pid, number)

    def launch(self, command: Sequence[str], **more: str) -> subprocess.Popen[bytes]:
        """A process of this server, with `more` in its environment."""
        user, group = self.account or (None, None)
        # No session of its own: a test run that is ended by its process group takes it along.
        with self._log.open("ab") as log:
            return subprocess.Popen(
                command,
                cwd=self.folder,
                env={**os.environ, **more},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                user=user,
                group=group,
                extra_groups=[] if self.account else None,
            )

    def serve(self, command: Sequence[str], **more: str) -> None:
        """Launch what serves, and wait until it answers."""
        self.process = process = self.launch(command, **more)
        end = time.monotonic() + START_LIMIT_SECONDS
        while not self._is_there():
            try:
                process.wait(ASK_INTERVAL_SECONDS)
            except subprocess.TimeoutExpired:
                if time.monotonic() < end:
                    continue
            self.kill()
            last = self._log.read_text(errors="replace")[-2000:]
            raise RuntimeError(f"{self.name} did not start:\n{last}")

    @property
    def _log(self) -> Path:
        return self.folder / "server.log"

    def _is_there(self) -> bool:
        try:
            place = ("127.0.0.1", self.port)
            with socket.create_connection(place, timeout=ANSWER_LIMIT_SECONDS) as connection:
                return self.answers(connection)
        except OSError:
            return False

    def _end(self, number: signal.Signals) -> None:
        process, self.process = self.process, None
        if process is None:
            return
        process.send_signal(number)
        try:
            with suppress(subprocess.TimeoutExpired):
                process.wait(STOP_LIMIT_SECONDS)
        finally:  # out of patience, or interrupted a second time
            process.kill()
            process.wait()


S = TypeVar("S", bound=Server)


@contextmanager
def started(make: Callable[[Path], S]) -> Iterator[S]:
    """A started server with its data in a folder of its own, gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="odori-server-") as folder:
        server = make(Path(folder))
        try:
            server.start()
            yield server
        finally:
            server.stop()


def for_people(make: Callable[[Path], S], reason: str | None, hint: Callable[[S], str]) -> None:
    """Run one until Ctrl-C."""
    if reason:
        raise SystemExit(reason)
    # an exception, not the default end: the server must be stopped too
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with suppress(KeyboardInterrupt), started(make) as server:
        print(f"{server.name} at {server.address}; Ctrl-C ends it, and its data goes")
        print(f"  {hint(server)}", flush=True)
        signal.pause()
