"""One server in a container that keeps its port and its data over stop, kill and start."""

import gc
import os
import socket
import time
import warnings
from abc import ABC, abstractmethod
from contextlib import suppress
from typing import Any, ClassVar, Self

from docker.errors import DockerException, ImageNotFound, NotFound
from docker.models.containers import Container as Running
from testcontainers.core.config import testcontainers_config
from testcontainers.core.container import DockerContainer
from testcontainers.core.docker_client import DockerClient

#: Cassandra, the slowest, was seen to need 40 s on two busy cores.
START_LIMIT_SECONDS = 120
#: A clean stop takes up to 8 s after a load; past this Docker kills it.
STOP_LIMIT_SECONDS = 30
#: How often a starting server is asked whether it is there.
ASK_INTERVAL_SECONDS = 0.1
#: What a server may take to answer one such question.
ANSWER_LIMIT_SECONDS = 1
#: What Docker may take to say that it is there.
ENGINE_LIMIT_SECONDS = 10


class ContainerError(Exception):
    """A container cannot be had, or does not become what it should be."""


def lacking() -> str | None:
    """Why containers cannot run here, or None."""
    with warnings.catch_warnings():
        # where there is no engine, its client leaves sockets open, which complain at their end
        warnings.simplefilter("ignore", ResourceWarning)
        try:
            DockerClient(timeout=ENGINE_LIMIT_SECONDS).client.ping()
        except (DockerException, OSError) as error:
            reason = f"no Docker engine answers ({error})"
        else:
            return None
        gc.collect()
    return reason


def has_image(name: str) -> bool:
    """Whether this image is here already, so that none needs to be pulled."""
    try:
        DockerClient(timeout=ENGINE_LIMIT_SECONDS).client.images.get(name)
    except ImageNotFound:
        return False
    return True


def free_port() -> int:
    """A port of the loopback that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
        return port


class Container(ABC):
    """A server at `address` ("127.0.0.1:PORT"); nothing runs before `start`."""

    name: ClassVar[str]
    image: ClassVar[str]
    #: Where it listens, inside.
    inside: ClassVar[int]
    memory: ClassVar[str]

    def __init__(self) -> None:
        self.port = free_port()
        self.address = f"127.0.0.1:{self.port}"
        #: What a client is given.
        self.url = self.address
        #: What `docker ps` calls it.
        self.called = f"odori-{self.name.lower()}-{os.urandom(4).hex()}"
        self._made: DockerContainer | None = None

    @abstractmethod
    def make(self) -> DockerContainer:
        """The container, not started yet."""

    @abstractmethod
    def answers(self, connection: socket.socket) -> bool:
        """Whether the first request of every client is answered."""

    def start(self) -> None:
        """Start on what is there, and wait until it answers; raises ContainerError."""
        if self._made is None:
            self._create()
        else:
            self._running.start()
        self._wait()

    def stop(self) -> None:
        """Ask it to end."""
        self._running.stop(timeout=STOP_LIMIT_SECONDS)

    def kill(self) -> None:
        """End it as a power cut would."""
        self._running.kill()
        self._running.wait()

    def alive(self) -> bool:
        """Whether it runs, or is paused."""
        self._running.reload()
        return self._running.status in ("running", "paused")

    def pause(self) -> None:
        """Let it do nothing, its connections open."""
        self._running.pause()

    def resume(self) -> None:
        self._running.unpause()

    def remove(self) -> None:
        """End it, and forget its data."""
        made, self._made = self._made, None
        if made is not None:
            with suppress(NotFound):
                made.stop()

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.remove()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.remove()

    @property
    def _running(self) -> Running:
        assert self._made is not None
        return self._made.get_wrapped_container()

    def _create(self) -> None:
        # its reaper is an image that may not be here; `remove` is what ends a container then
        reaper = testcontainers_config.ryuk_image
        testcontainers_config.ryuk_disabled = not has_image(reaper)
        made = self.make().with_name(self.called)
        # on the loopback alone, and there again after a restart
        ports: dict[str, Any] = {str(self.inside): ("127.0.0.1", self.port)}
        made.ports = ports
        made.with_kwargs(mem_limit=self.memory, **made._kwargs)
        self._made = made
        try:
            made.start()
        except DockerException as error:
            message = f"{self.image} does not start: {error} (`make images` pulls or makes it)"
            raise ContainerError(message) from error

    def _wait(self) -> None:
        end = time.monotonic() + START_LIMIT_SECONDS
        while not self._is_there():
            self._running.reload()
            if time.monotonic() > end or self._running.status == "exited":
                last = self._running.logs(tail=30).decode(errors="replace")
                raise ContainerError(f"{self.called} ({self.image}) did not start:\n{last}")
            time.sleep(ASK_INTERVAL_SECONDS)

    def _is_there(self) -> bool:
        try:
            place = ("127.0.0.1", self.port)
            with socket.create_connection(place, timeout=ANSWER_LIMIT_SECONDS) as connection:
                return self.answers(connection)
        except OSError:
            return False
