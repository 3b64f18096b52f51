"""A real Cassandra from Maven Central's jars; `python -m tests.services.cassandra` runs one."""

import socket
from contextlib import AbstractContextManager
from pathlib import Path

from infra.containers import ready
from tests.services.jars import CACHE, HERE, fetch, java, lacking_java
from tests.services.process import Server, for_people, free_ports, started

VERSION = "5.0.5"
JARS = CACHE / f"cassandra-{VERSION}"
#: What Cassandra reaches into by reflection: a module, and packages of it.
OPENED = {
    "java.base": "java.io java.lang java.lang.module java.lang.reflect java.math java.net java.nio"
    " java.nio.charset java.util java.util.concurrent java.util.concurrent.atomic"
    " jdk.internal.loader jdk.internal.math jdk.internal.module jdk.internal.ref"
    " jdk.internal.reflect jdk.internal.util.jar sun.nio.ch",
    "java.management": "com.sun.jmx.remote.security",
    "java.management.rmi": "com.sun.jmx.remote.internal.rmi",
    "java.rmi": "sun.rmi.registry sun.rmi.server sun.rmi.transport sun.rmi.transport.tcp",
    "java.sql": "java.sql",
    "jdk.management": "com.sun.management.internal",
    "jdk.management.jfr": "jdk.management.jfr",
}
JVM = [
    *(
        f"--add-{verb}={module}/{package}=ALL-UNNAMED"
        for module, packages in OPENED.items()
        for package in packages.split()
        for verb in ("opens", "exports")
    ),
    # Java 18 and newer ask for this before they let it install its own
    "-Djava.security.manager=allow",
    "-XX:MaxDirectMemorySize=256m", "-XX:+PerfDisableSharedMem", "-Djava.net.preferIPv4Stack=true",
    "-Djna.nosys=true", "-Djdk.attach.allowAttachSelf=true", "-Dcassandra-foreground=yes",
    "-Dio.netty.tryReflectionSetAccessible=true", "-Dchronicle.announcer.disable=true",
    # nobody else is there to wait for
    "-Dcassandra.skip_wait_for_gossip_to_settle=0", "-Dcassandra.ring_delay_ms=1",
    f"-Dlogback.configurationFile={HERE / 'logback.xml'}",
]  # fmt: skip


def lacking() -> str | None:
    """Why Cassandra cannot run here, or None."""
    return lacking_java("Cassandra", JARS)


class Cassandra(Server):
    """One node; an acknowledged write is on the disk."""

    name = f"Cassandra {VERSION}"

    def __init__(self, folder: Path, heap: str = "512m") -> None:
        super().__init__(folder)
        storage = free_ports(1)[0]
        self._heap = heap
        self._settings = folder / "cassandra.yaml"
        (folder / "tmp").mkdir()
        self._settings.write_text(
            (HERE / "cassandra.yaml").read_text()
            + f"storage_port: {storage}\nnative_transport_port: {self.port}\n"
            + "seed_provider:\n- class_name: org.apache.cassandra.locator.SimpleSeedProvider\n"
            + f'  parameters: [{{seeds: "127.0.0.1:{storage}"}}]\n'
        )

    def start(self) -> None:
        fetch(HERE / "cassandra.pom.xml", JARS, f"-Dcassandra.version={VERSION}")
        places = [
            f"-Djava.io.tmpdir={self.folder / 'tmp'}",
            f"-Dcassandra.config=file:{self._settings}",
            f"-Dcassandra.storagedir={self.folder / 'data'}",
        ]
        daemon = "org.apache.cassandra.service.CassandraDaemon"
        self.serve(java(self._heap, *JVM, *places, daemon), CLASSPATH=f"{JARS}/*")

    def answers(self, connection: socket.socket) -> bool:
        return ready.cassandra(connection)


def running(heap: str = "512m") -> AbstractContextManager[Cassandra]:
    """A started Cassandra with its data in a folder of its own, gone afterwards."""
    return started(lambda folder: Cassandra(folder, heap))


if __name__ == "__main__":
    for_people(Cassandra, lacking(), lambda server: f"its native port is {server.port}")
