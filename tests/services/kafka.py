"""A real Kafka from Maven Central's jars; `python -m tests.services.kafka` runs one for people."""

import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

HERE = Path(__file__).parent
VERSION = "4.1.0"
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "odori"
JARS = CACHE / f"kafka-{VERSION}"
#: Kafka 4 does not run on less.
JAVA_VERSION = 17
#: A first download on a slow line; 43 MB.
FETCH_LIMIT_SECONDS = 300
#: A start takes 5 s on a quiet machine, and was seen to take 20 on a busy one.
START_LIMIT_SECONDS = 90
#: A clean stop takes 2 s; past this it is killed.
STOP_LIMIT_SECONDS = 20
#: How often a starting server is asked whether it is there.
ASK_INTERVAL_SECONDS = 0.1
#: Any id will do: every folder holds one node of its own.
CLUSTER_ID = "b2RvcmktdGVzdC1rYWZrYQ"
LOGGING = f"-Dlog4j2.configurationFile=file:{HERE / 'log4j2.yaml'}"
JVM = ("-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20", "-XX:+ExitOnOutOfMemoryError")


def lacking() -> str | None:
    """Why Kafka cannot run here, or None."""
    if not shutil.which("java"):
        return f"Kafka needs a JDK {JAVA_VERSION}: there is no java"
    said = subprocess.run(["java", "-version"], capture_output=True, text=True).stderr
    found = re.search(r'version "(\d+)', said)
    if not found or int(found[1]) < JAVA_VERSION:
        return f"Kafka needs a JDK {JAVA_VERSION}, java says: {said.splitlines()[0]}"
    if not JARS.exists() and not shutil.which("mvn"):
        return "Kafka's jars are fetched by Maven: there is no mvn"
    return None


def fetch_jars() -> None:
    """Fill the cache once; two that fetch at a time do no harm."""
    if JARS.exists():
        return
    CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE) as folder:
        command = ["mvn", "-q", "-B", "-ntp", "-f", str(HERE / "pom.xml")]
        command += [f"-DoutputDirectory={folder}/lib", f"-Dkafka.version={VERSION}"]
        command += ["dependency:copy-dependencies", "-DincludeScope=runtime"]
        subprocess.run(command, check=True, timeout=FETCH_LIMIT_SECONDS)
        if not JARS.exists():
            Path(folder, "lib").rename(JARS)


def free_ports(count: int) -> list[int]:
    """Ports nobody listens on, different from one another."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


class Kafka:
    """One node on 127.0.0.1. It keeps its data and its port over stop, kill and start."""

    def __init__(self, folder: Path, heap: str = "512m") -> None:
        port, controller = free_ports(2)
        self.address = f"127.0.0.1:{port}"
        self._port, self._folder, self._heap = port, folder, heap
        self._settings = folder / "server.properties"
        self._process: subprocess.Popen[bytes] | None = None
        listeners = f"PLAINTEXT://{self.address},CONTROLLER://127.0.0.1:{controller}"
        self._settings.write_text(
            (HERE / "server.properties").read_text()
            + f"listeners={listeners}\nlog.dirs={folder / 'data'}\n"
            + f"controller.quorum.bootstrap.servers=127.0.0.1:{controller}\n"
        )

    def start(self) -> None:
        """Start on what is there, and wait until it answers."""
        if not (self._folder / "data" / "meta.properties").exists():
            fetch_jars()
            tool = ["kafka.tools.StorageTool", "format", "--standalone", "-t", CLUSTER_ID]
            self._java("128m", *tool, "-c", str(self._settings)).wait()
        self._process = self._java(self._heap, "kafka.Kafka", str(self._settings))
        self._wait_until_it_answers(self._process)

    def stop(self) -> None:
        """Ask it to end."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it as a power cut would."""
        self._end(signal.SIGKILL)

    def _end(self, number: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(number)
        try:
            process.wait(STOP_LIMIT_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _java(self, heap: str, *arguments: str) -> subprocess.Popen[bytes]:
        # No session of its own: a test run that is ended by its process group takes it along.
        with (self._folder / "kafka.log").open("ab") as log:
            return subprocess.Popen(
                ["java", f"-Xms{heap}", f"-Xmx{heap}", LOGGING, *JVM, *arguments],
                env={**os.environ, "CLASSPATH": f"{JARS}/*"},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def _wait_until_it_answers(self, process: subprocess.Popen[bytes]) -> None:
        end = time.monotonic() + START_LIMIT_SECONDS
        while not self._answers():
            try:
                process.wait(ASK_INTERVAL_SECONDS)
            except subprocess.TimeoutExpired:
                if time.monotonic() < end:
                    continue
            self.kill()
            last = (self._folder / "kafka.log").read_text(errors="replace")[-2000:]
            raise RuntimeError(f"Kafka did not start:\n{last}")

    def _answers(self) -> bool:
        """Whether it answers ApiVersions (key 18), the first request of every client."""
        ask = struct.pack(">hhih", 18, 0, 1, -1)
        try:
            with socket.create_connection(("127.0.0.1", self._port), timeout=1) as s:
                s.sendall(struct.pack(">i", len(ask)) + ask)
                return len(s.recv(4)) == 4
        except OSError:
            return False


@contextmanager
def running(heap: str = "512m") -> Iterator[Kafka]:
    """A started Kafka with its data in a folder of its own, gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="odori-kafka-") as folder:
        kafka = Kafka(Path(folder), heap)
        try:
            kafka.start()
            yield kafka
        finally:
            kafka.stop()


if __name__ == "__main__":
    if reason := lacking():
        raise SystemExit(reason)
    # an exception, not the default end: the server must be stopped too
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with suppress(KeyboardInterrupt), running() as server:
        print(f"Kafka {VERSION} at {server.address}; Ctrl-C ends it, and its data goes")
        print(f"  start Odori on it: ODORI_KAFKA={server.address} make up", flush=True)
        signal.pause()
