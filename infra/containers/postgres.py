"""PostgreSQL with one database."""

import socket
from collections.abc import Mapping

from testcontainers.community.postgres import PostgresContainer
from testcontainers.core.container import DockerContainer

from infra.containers import ready
from infra.containers.container import Container

USER = "odori"
DATABASE = "postgres"


class _Made(PostgresContainer):
    def _connect(self) -> None:
        """Nothing: `Container` waits, and sees when it has ended."""


class Postgres(Container):
    """One cluster, which trusts everybody on this machine; `settings` are its server's own."""

    name = "PostgreSQL"
    image = "postgres:15.14"
    inside = 5432
    memory = "768m"

    def __init__(self, settings: Mapping[str, str] | None = None, tmpfs_size: str = "") -> None:
        """With `tmpfs_size` ("96m") its data is on a small disk of memory, gone with a stop."""
        super().__init__()
        self.url = f"postgresql://{USER}@{self.address}/{DATABASE}"
        self._settings = {"max_connections": "200", **(settings or {})}
        self._tmpfs_size = tmpfs_size

    def make(self) -> DockerContainer:
        made = _Made(self.image, username=USER, dbname=DATABASE)
        made.with_env("POSTGRES_HOST_AUTH_METHOD", "trust")
        words = ["postgres"]
        for name, value in self._settings.items():
            words += ["-c", f"{name}={value}"]
        made.with_command(words).with_kwargs(shm_size="128m")
        if self._tmpfs_size:
            made.with_tmpfs_mount("/var/lib/postgresql/data", self._tmpfs_size)
        return made

    def answers(self, connection: socket.socket) -> bool:
        return ready.postgres(connection, USER, DATABASE)
