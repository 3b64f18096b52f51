"""A real Kafka from Maven Central's jars; `python -m tests.services.kafka` runs one for people."""

import socket
from contextlib import AbstractContextManager
from pathlib import Path

from infra.containers import ready
from tests.services.jars import CACHE, HERE, fetch, java, lacking_java
from tests.services.process import Server, for_people, free_ports, started

VERSION = "4.1.0"
JARS = CACHE / f"kafka-{VERSION}"
#: Any id will do: every folder holds one node of its own.
CLUSTER_ID = "b2RvcmktdGVzdC1rYWZrYQ"
LOGGING = f"-Dlog4j2.configurationFile=file:{HERE / 'log4j2.yaml'}"


def lacking() -> str | None:
    """Why Kafka cannot run here, or None."""
    return lacking_java("Kafka", JARS)


class Kafka(Server):
    """One node, broker and controller."""

    name = f"Kafka {VERSION}"

    def __init__(self, folder: Path, heap: str = "512m", advertised: str = "") -> None:
        """`advertised` is the address that clients are told, where it is another than its own."""
        super().__init__(folder)
        controller = free_ports(1)[0]
        self._heap = heap
        #: What else the storage is formatted with.
        self.formatting: tuple[str, ...] = ()
        self._settings = folder / "server.properties"
        listeners = f"PLAINTEXT://{self.address},CONTROLLER://127.0.0.1:{controller}"
        self._settings.write_text(
            (HERE / "server.properties").read_text()
            + f"listeners={listeners}\nlog.dirs={folder / 'data'}\n"
            + f"advertised.listeners=PLAINTEXT://{advertised or self.address}\n"
            + f"controller.quorum.bootstrap.servers=127.0.0.1:{controller}\n"
        )

    def start(self) -> None:
        classpath = f"{JARS}/*"
        if not (self.folder / "data" / "meta.properties").exists():
            fetch(HERE / "kafka.pom.xml", JARS, f"-Dkafka.version={VERSION}")
            tool = ["kafka.tools.StorageTool", "format", "--standalone", "-t", CLUSTER_ID]
            tool += ["-c", str(self._settings), *self.formatting]
            command = java("128m", LOGGING, *tool)
            self.launch(command, CLASSPATH=classpath).wait()
        command = java(self._heap, LOGGING, "kafka.Kafka", str(self._settings))
        self.serve(command, CLASSPATH=classpath)

    def answers(self, connection: socket.socket) -> bool:
        return ready.kafka(connection)


def running(heap: str = "512m", advertised: str = "") -> AbstractContextManager[Kafka]:
    """A started Kafka with its data in a folder of its own, gone afterwards."""
    return started(lambda folder: Kafka(folder, heap, advertised))


if __name__ == "__main__":
    for_people(Kafka, lacking(), lambda it: f"start Odori on it: ODORI_KAFKA={it.address} make up")
