"""Where the stores are: a file for each domain in the data folder, or one PostgreSQL for all."""

import re
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from infra.engine.engine import Engine
from infra.engine.several import Several
from infra.engine.snapshot import Reader
from infra.engine.sqlite import SqliteEngine
from infra.engine.sqlite.several import open_several
from infra.settings import Settings

_PASSWORDS = (re.compile(r"(?<=://)([^:@/]*):\S*(?=@)"), re.compile(r"([?&]password=)[^&]*"))


class InUse(Exception):
    """Another process has these stores."""


class Home(Protocol):
    """The stores of all domains of a process."""

    #: Its name in sentences.
    name: str
    #: How `odori up` is told of it.
    option: str
    #: Whether whoever holds the data folder is the only one who writes the stores.
    exclusive: bool
    #: What was said of the stores in vain, a line each.
    notes: Sequence[str]

    def place(self, domain: str) -> str:
        """What one domain's store is called."""

    def there(self, domains: Iterable[str]) -> list[str]:
        """Those of these domains that have a store."""

    def engine(self, domain: str) -> Engine:
        """Opened; a file that is missing is made."""

    def reader(self, domain: str) -> Reader:
        """Beside an engine, in this process or another; the store must be there."""

    def several(self) -> AbstractContextManager[Several]:
        """All stores that are there, read as one."""

    def lacks(self, domains: Iterable[str]) -> str:
        """The sentence about stores that are gone."""

    async def hold(self, *, alone: bool) -> None:
        """Let other processes know of this one; raises InUse if it cannot be with them."""

    async def release(self) -> None:
        """What `hold` took; harmless without it."""


class NoData(Exception):
    """There are no stores."""

    def __init__(self, home: Home) -> None:
        super().__init__(
            f"{home.name} holds no data yet; start Odori there with: odori up{home.option}"
        )


class Files:
    """One SQLite file for each domain; with `inline` everything runs in the caller's thread."""

    exclusive = True
    notes: Sequence[str] = ()

    def __init__(self, data: Path, *, inline: bool = False) -> None:
        self.name = str(data)
        self.option = f" --data {data}"
        self.data = data
        self.inline = inline

    def place(self, domain: str) -> str:
        return f"{domain}.db"

    def there(self, domains: Iterable[str]) -> list[str]:
        files = ((domain, self.data / self.place(domain)) for domain in domains)
        return [domain for domain, path in files if path.exists() and path.stat().st_size]

    def engine(self, domain: str) -> Engine:
        return SqliteEngine.open(self.data / self.place(domain), inline=self.inline)

    def reader(self, domain: str) -> Reader:
        return SqliteEngine.open_reader(self.data / self.place(domain), inline=self.inline)

    def several(self) -> AbstractContextManager[Several]:
        return open_several({path.stem: path for path in sorted(self.data.glob("*.db"))})

    def lacks(self, domains: Iterable[str]) -> str:
        files = " and ".join(map(self.place, domains))
        return (
            f"{self.data} lacks {files}, which its other stores know; put it back, or restore the"
            " whole folder from a backup with: odori restore"
        )

    async def hold(self, *, alone: bool) -> None:
        """The lock of the data folder is enough."""

    async def release(self) -> None:
        """There is nothing more."""


def home_of(settings: Settings, domains: Iterable[str]) -> Home:
    """Where these settings have the stores of these domains; raises ConfigError."""
    if not settings.store:
        return Files(settings.data)
    from streams.shared_home import Shared

    return Shared.of(settings.store, domains)


def without_password(store: str) -> str:
    """What may be written down of a setting."""
    for password in _PASSWORDS:
        store = password.sub(r"\1", store)
    return store
