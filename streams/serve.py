"""One process, served: the system and its web side, until a signal ends both cleanly."""

import asyncio
import errno
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import uvicorn

from infra.settings import Settings
from infra.tuning import tune_process
from streams.folder import announce_running
from streams.intake.app import create_app
from streams.role import UP, Role
from streams.system import System

#: Connections that wait to be accepted; a burst is larger than uvicorn's default of 2,048 allows.
BACKLOG_MAX_CONNECTIONS = 4_096
#: Seconds that requests under way have left when the service stops.
GRACE_S = 1
#: Seconds that an idle connection is kept.
KEEP_ALIVE_S = 30


class PortTaken(Exception):
    """Another program listens there."""


class Died(Exception):
    """A worker died of a bug, and the process with it; everything accepted is in the stores."""


async def serve(settings: Settings, said: Callable[[System, str], None], role: Role = UP) -> None:
    """Run until SIGINT or SIGTERM; `said` is called once everything answers, with the address.

    Raises AlreadyRunning or PortTaken with no store opened; Died after everything was closed.
    """
    system = System(settings, role=role)
    system.lock()
    try:
        with _listen(settings.host, settings.port) as listening:
            port = listening.getsockname()[1]
            host = f"[{settings.host}]" if ":" in settings.host else settings.host
            url = f"http://{host}:{port}"
            await system.start()
            await _Server(system, lambda: _begun(system, url, said)).serve([listening])
    finally:
        await system.stop()
    for name, error in system.died.items():
        raise Died(f"{name} died of a bug, the log says where: {error!r}")


def _begun(system: System, url: str, said: Callable[[System, str], None]) -> None:
    settings = system.settings
    announce_running(system.folder, url, settings.kafka, settings.store)
    tune_process()
    said(system, url)


class _Server(uvicorn.Server):
    """Says when it answers, and lets those who watch the dashboard go when it stops."""

    def __init__(self, system: System, begun: Callable[[], None]) -> None:
        app = create_app(system)
        self._live = app.state.live
        self._begun = begun
        super().__init__(
            uvicorn.Config(
                app, loop="none", http="httptools", ws="none", lifespan="off", log_config=None,
                access_log=False, server_header=False, backlog=BACKLOG_MAX_CONNECTIONS,
                timeout_graceful_shutdown=GRACE_S, timeout_keep_alive=KEEP_ALIVE_S,
            )
        )  # fmt: skip

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Unlike uvicorn's own, this does not raise the signal again once it has stopped: the
        system below is still to be closed."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self.handle_exit, number, None)
        try:
            yield
        finally:
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(number)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._begun()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await self._live.close()
        await super().shutdown(sockets)


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except OSError as error:
        listening.close()
        option = "--port" if error.errno in (errno.EADDRINUSE, errno.EACCES) else "--host"
        why = f"{error.strerror}; name another with {option}"
        raise PortTaken(f"cannot listen on {host}:{port}: {why}") from None
    return listening


def run(settings: Settings, said: Callable[[System, str], None], role: Role = UP) -> None:
    """`serve` on uvloop, which is faster; over TLS it may take half a minute to close a connection
    to Kafka, which asyncio's own loop does at once."""
    if "SSL" in settings.kafka_client.get("security_protocol", ""):
        asyncio.run(serve(settings, said, role))
        return
    import uvloop

    uvloop.run(serve(settings, said, role))
