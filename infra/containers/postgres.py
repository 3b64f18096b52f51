"""PostgreSQL with one database."""

import socket
from collections.abc import Mapping

from testcontainers.community.postgres import PostgresContainer
from testcontainers.core.container import DockerContainer
from testcontainers.core.docker_client import DockerClient

from infra.containers import ready
from infra.containers.container import Container

USER = "odori"
DATABASE = "postgres"
#: Where the official image says that a volume shall be mounted.
DISK = "/var/lib/postgresql/data"


class _Made(PostgresContainer):
    def _connect(self) -> None:
        """Nothing: `Container` waits, and sees when it has ended."""


class Postgres(Container):
    """One cluster, which trusts everybody on this machine; `settings` are its server's own."""

    name = "PostgreSQL"
    image = "postgres:15.14"
    inside = 5432
    memory = "768m"

    def __init__(self, settings: Mapping[str, str] | None = None) -> None:
        super().__init__()
        self.url = f"postgresql://{USER}@{self.address}/{DATABASE}"
        self._settings = {"max_connections": "200", **(settings or {})}

    def make(self) -> DockerContainer:
        made = _Made(self.image, username=USER, dbname=DATABASE)
        made.with_env("POSTGRES_HOST_AUTH_METHOD", "trust")
        words = ["postgres"]
        for name, value in self._settings.items():
            words += ["-c", f"{name}={value}"]
        made.with_command(words).with_kwargs(shm_size="128m")
        return made

    def answers(self, connection: socket.socket) -> bool:
        return ready.postgres(connection, USER, DATABASE)


class OnSmallDisk(Postgres):
    """A PostgreSQL that can be left without a byte: its disk is some of the machine's memory."""

    def __init__(self, disk_bytes: int, settings: Mapping[str, str] | None = None) -> None:
        super().__init__(settings)
        self._disk_bytes = disk_bytes
        self._holder: DockerContainer | None = None

    def start(self) -> None:
        if self._holder is None:
            options = {"type": "tmpfs", "device": "tmpfs", "o": f"size={self._disk_bytes}"}
            client = DockerClient().client
            client.volumes.create(self.called, driver="local", driver_opts=options)
            # such a volume is gone with the last container that has it
            holder = DockerContainer(self.image).with_name(f"{self.called}-disk")
            holder.with_volume_mapping(self.called, DISK, "rw").with_command("sleep infinity")
            self._holder = holder.start()
        super().start()

    def make(self) -> DockerContainer:
        made = super().make().with_env("PGDATA", f"{DISK}/cluster")
        return made.with_volume_mapping(self.called, DISK, "rw")

    def fill(self) -> None:
        """Leave nothing of the disk."""
        self._on_disk(f"cat /dev/zero >{DISK}/ballast")

    def empty(self) -> None:
        """Give back what `fill` took."""
        self._on_disk(f"rm {DISK}/ballast")

    def remove(self) -> None:
        super().remove()
        holder, self._holder = self._holder, None
        if holder is not None:
            holder.stop()
            DockerClient().client.volumes.get(self.called).remove()

    def _on_disk(self, command: str) -> None:
        assert self._holder
        self._holder.exec(["sh", "-c", command])
