"""Where a desk's store is, and how its work is done there: in a file, at once and in the caller;
or in PostgreSQL, by an event loop of its own, as another process would."""

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Protocol, TypeVar

from infra.engine.engine import Engine
from infra.engine.postgres import PostgresEngine
from infra.engine.sqlite import SqliteEngine
from streams.home import Files, Home
from streams.shared_home import Shared
from tests.stores import store_of

T = TypeVar("T")
Fault = Callable[[str], None]

#: Seconds after which work on PostgreSQL counts as waiting for ever.
PATIENCE_SECONDS = 30
#: Connections of one desk: a transaction, and the question how it ended.
CONNECTIONS_MAX_COUNT = 2


class Place(Protocol):
    """One domain's store, for one desk."""

    home: Home

    def engine(self, fault: Fault) -> Engine: ...

    def run(self, work: Coroutine[Any, Any, T]) -> T: ...

    def close(self) -> None: ...


def place_of(folder: Path, domain: str) -> Place:
    """Where this folder has its stores."""
    store = store_of(folder)
    return OnPostgres(store, domain) if store else InFile(folder, domain)


class InFile:
    """Nothing ever waits."""

    def __init__(self, folder: Path, domain: str) -> None:
        self.home: Home = Files(folder, inline=True)
        self._path = folder / f"{domain}.db"

    def engine(self, fault: Fault) -> Engine:
        return SqliteEngine.open(self._path, inline=True, fault=fault, clock=_first, busy_ms=0)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """A coroutine that never waits, right here."""
        try:
            work.send(None)
        except StopIteration as end:
            result: T = end.value
            return result
        raise AssertionError("it waits")

    def close(self) -> None:
        """Nothing runs beside it."""


class OnPostgres:
    """A loop in a thread of its own, so that a fault in one desk can let another one overtake."""

    def __init__(self, store: str, domain: str) -> None:
        self.home: Home = Shared.of(store, [domain])
        self._store = store
        self._thread = ThreadPoolExecutor(1)
        self._loop = asyncio.Runner()

    def engine(self, fault: Fault) -> Engine:
        size = CONNECTIONS_MAX_COUNT
        return PostgresEngine(self._store, fault=fault, clock=_first, max_size=size)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self._thread.submit(self._loop.run, work).result(PATIENCE_SECONDS)

    def close(self) -> None:
        self._thread.submit(self._loop.close).result(PATIENCE_SECONDS)
        self._thread.shutdown()


def _first() -> int:
    return 1
