"""A real PostgreSQL, Debian's; `python -m tests.services.postgres` runs one for people."""

import os
import pwd
import shutil
import signal
import socket
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path

from infra.containers import ready
from tests.services.process import Server, for_people, started

DEBIAN = Path("/usr/lib/postgresql")
#: Java's pools hold up to 45 connections each, and there may be several of them.
MAX_CONNECTIONS = 200
#: PostgreSQL refuses to run as root; whoever of these is there runs it then.
UNPRIVILEGED = ("postgres", "nobody")


def binaries() -> Path | None:
    """The folder of its programs: Debian's newest, or that of PATH."""
    debian = sorted(DEBIAN.glob("*/bin/postgres"), key=lambda path: float(path.parts[-3]))
    found = debian[-1] if debian else shutil.which("postgres")
    return Path(found).resolve().parent if found else None


def lacking() -> str | None:
    """Why PostgreSQL cannot run here, or None."""
    if binaries() is None:
        return "PostgreSQL is not installed (Debian: apt-get install postgresql)"
    if os.geteuid() == 0 and unprivileged() is None:
        return f"PostgreSQL refuses root, and there is no user {' or '.join(UNPRIVILEGED)}"
    return None


def unprivileged() -> tuple[int, int] | None:
    """The account that runs it for root."""
    known = {entry.pw_name: (entry.pw_uid, entry.pw_gid) for entry in pwd.getpwall()}
    return next((known[name] for name in UNPRIVILEGED if name in known), None)


class Postgres(Server):
    """One cluster with the database `postgres`; whoever connects is trusted."""

    name = "PostgreSQL"
    stopping = signal.SIGINT
    # An immediate shutdown: nothing is written, all children go, the next start recovers. Its
    # children would outlive a SIGKILL for a while, and the next start would refuse.
    killing = signal.SIGQUIT

    def __init__(
        self, folder: Path, fsync: bool = True, settings: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(folder)
        self.url = f"postgresql://odori@{self.address}/postgres"
        self._fsync = fsync
        self._settings = settings or {}
        self._data = folder / "data"
        if os.geteuid() == 0:
            self.account = unprivileged()
            os.chown(folder, *(self.account or (-1, -1)))

    def start(self) -> None:
        programs = binaries()
        assert programs
        if not (self._data / "PG_VERSION").exists():
            command = [str(programs / "initdb"), "-D", str(self._data), "-U", "odori"]
            command += ["-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync"]
            self.launch(command).wait()
        settings = {
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "max_connections": str(MAX_CONNECTIONS),
            "fsync": "on" if self._fsync else "off",
            **self._settings,
        }
        command = [str(programs / "postgres"), "-D", str(self._data), "-p", str(self.port)]
        self.serve([*command, *(part for k, v in settings.items() for part in ("-c", f"{k}={v}"))])

    def answers(self, connection: socket.socket) -> bool:
        return ready.postgres(connection, "odori", "postgres")


def running(
    fsync: bool = True, settings: Mapping[str, str] | None = None
) -> AbstractContextManager[Postgres]:
    """A started PostgreSQL with its data in a folder of its own, gone afterwards."""
    return started(lambda folder: Postgres(folder, fsync, settings))


if __name__ == "__main__":
    for_people(Postgres, lacking(), lambda server: f"look into it: psql {server.url}")
