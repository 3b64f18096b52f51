"""Everything that is broken: servers behind proxies, and the parts that reach them so."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from infra.chaos.clock import Clock, library
from infra.chaos.plan import OF_PROCESSES, OF_SERVERS
from infra.chaos.proxy import Proxy
from infra.chaos.target import Filling, Server, Target
from infra.settings import Settings
from streams.chaos.parts import Parts
from streams.home import Home, home_of
from streams.topology import discover

#: A group that misses a worker divides its partitions anew after this; as in production.
SESSION = {"ODORI_KAFKA_SESSION_TIMEOUT_MS": "10000", "ODORI_KAFKA_HEARTBEAT_INTERVAL_MS": "3000"}


class Database(Server, Protocol):
    """A PostgreSQL."""

    @property
    def url(self) -> str:
        """postgresql://user@host:port/database."""


@dataclass
class Servers:
    """Started, and stopped by whoever made them."""

    kafka: Server
    postgres: Database
    cassandra: Server


SERVERS = tuple(Servers.__dataclass_fields__)


def _named(servers: Servers) -> list[tuple[str, Server]]:
    return [(name, getattr(servers, name)) for name in SERVERS]


#: Makes servers, given the address that Kafka has to tell its clients.
OpenServers = Callable[[str], AbstractContextManager[Servers]]


class Stage:
    """What there is to break."""

    def __init__(
        self, data: Path, servers: Servers, proxies: Mapping[str, Proxy], lib: Path | None
    ) -> None:
        self.data = data
        self.proxies = proxies
        self.servers: dict[str, Server] = dict(_named(servers))
        url, proxy = servers.postgres.url, proxies["postgres"]
        self.clock = Clock(lib, data / "clock") if lib else None
        #: What a part, or any command of ours, is told.
        self.environ = {
            "ODORI_KAFKA": proxies["kafka"].address,
            "ODORI_STORE": url.replace(servers.postgres.address, proxy.address),
            **SESSION,
        }
        self.parts = Parts(data, self.environ, self.clock)
        #: The stores themselves, past the proxy.
        self.home: Home = home_of(Settings(data=data, store=url), discover().parts)

    @property
    def targets(self) -> Mapping[str, list[Target]]:
        """Everything that can be broken, by component."""
        found: dict[str, list[Target]] = {n: list(some) for n, some in self.parts.broken.items()}
        return found | {name: [server] for name, server in self.servers.items()}

    @property
    def kinds(self) -> Mapping[str, tuple[str, ...]]:
        """What can happen to each component here."""
        clock = ("clock moved",) if self.clock else ()
        kinds = {"worker": (*OF_PROCESSES, *clock), "intake": OF_PROCESSES}
        for name, server in self.servers.items():
            full = ("disk full",) if isinstance(server, Filling) else ()
            kinds[name] = (*OF_SERVERS, *full)
        return kinds

    @property
    def left_out(self) -> list[str]:
        """What is not broken here, and why."""
        said = []
        if self.clock is None:
            said.append("no clock was moved: libfaketime is not installed (Debian: libfaketime)")
        if not any(isinstance(server, Filling) for server in self.servers.values()):
            said.append("no disk was filled: no server here has a small one")
        return said


@asynccontextmanager
async def staged(data: Path, open_servers: OpenServers) -> AsyncIterator[Stage]:
    """All of it started; stopped and gone afterwards, but for the folder."""
    async with AsyncExitStack() as stack:
        proxies = {name: await stack.enter_async_context(Proxy()) for name in SERVERS}
        opening = open_servers(proxies["kafka"].address)
        servers = await asyncio.to_thread(opening.__enter__)
        stack.push_async_callback(asyncio.to_thread, opening.__exit__, None, None, None)
        for name, server in _named(servers):
            proxies[name].target = server.address
        stage = Stage(data, servers, proxies, library())
        stack.push_async_callback(asyncio.to_thread, stage.parts.stop)
        await asyncio.to_thread(stage.parts.start)
        yield stage
