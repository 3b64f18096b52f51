"""Debezium's engine in a process of its own, with the connector that docs/operations.md shows."""

import json
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from tests.services.jars import Program, java

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "docs" / "operations.md"
PROGRAM = Program("debezium", HERE / "pom.xml")
HEAP = "256m"
#: It lives for seconds, and starts twice as fast so; its log says when.
JVM = ("-XX:TieredStopAtLevel=1", "-Dorg.slf4j.simpleLogger.showDateTime=true",
       "-Dorg.slf4j.simpleLogger.dateTimeFormat=HH:mm:ss.SSS")  # fmt: skip
#: How often it notes how far it has got; what it sent since is sent again after a kill.
NOTE_INTERVAL_MS = 10_000
#: What of its log is told when it ended by itself.
LAST_WORDS_CHARACTERS = 4_000


def connector() -> dict[str, str]:
    """The configuration that the page has one paste into Kafka Connect."""
    [text] = re.findall(r"```json\n(.*?)```", PAGE.read_text(), re.DOTALL)
    found: dict[str, str] = json.loads(text)["config"]
    return found


class Connect:
    """One connector; its folder keeps how far it has got from one process to the next."""

    def __init__(self, folder: Path, database: str, kafka: str) -> None:
        PROGRAM.build()
        folder.mkdir()
        self._log = folder / "connect.log"
        self._properties = folder / "connect.properties"
        self._offsets = folder / "offsets"
        at = urlsplit(database)
        settings = connector() | {
            "name": "odori",
            "database.hostname": str(at.hostname),
            "database.port": str(at.port),
            "database.dbname": at.path[1:],
            "bootstrap.servers": kafka,
            "offset.storage": "org.apache.kafka.connect.storage.FileOffsetBackingStore",
            "offset.storage.file.filename": str(self._offsets),
            "offset.flush.interval.ms": str(NOTE_INTERVAL_MS),
        }
        self._properties.write_text("".join(f"{k}={v}\n" for k, v in settings.items()))
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Begin, or go on where the last process noted that it was."""
        command = java(HEAP, *JVM, "-cp", PROGRAM.classpath, "odori.Connect", str(self._properties))
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)

    @property
    def noted(self) -> bool:
        """Whether it has ever noted how far it has got."""
        return self._offsets.exists()

    def kill(self) -> None:
        """kill -9; it must have run until then."""
        process, self._process = self._process, None
        if process is not None:
            ended = process.poll() is not None
            process.kill()
            process.wait()
            said = self._log.read_text(errors="replace")[-LAST_WORDS_CHARACTERS:]
            assert not ended, f"Debezium ended by itself:\n{said}"


@contextmanager
def connected(folder: Path, database: str, kafka: str) -> Iterator[Connect]:
    """A connector that is not started yet, and gone afterwards."""
    connect = Connect(folder, database, kafka)
    try:
        yield connect
    finally:
        connect.kill()
