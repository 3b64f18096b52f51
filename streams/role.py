"""What one process does of the whole: everything, some domains' work, intake, or the dashboard."""

from collections.abc import Collection
from dataclasses import dataclass


@dataclass(frozen=True)
class Role:
    """The domains that a process works for."""

    #: How its processes are called, and the folders of their own.
    name: str
    #: Domains whose messages it hears; None: all.
    hears: frozenset[str] | None = None
    #: Domains whose commands it takes over HTTP; None: all.
    takes: frozenset[str] | None = None

    def of(self, domains: Collection[str]) -> "Role":
        """With the domains that there are in place of None."""
        every = frozenset(domains)
        hears, takes = (every if some is None else some for some in (self.hears, self.takes))
        return Role(self.name, hears, takes)

    @property
    def works_for(self) -> frozenset[str]:
        """Domains whose rows it may change."""
        return (self.hears or frozenset()) | (self.takes or frozenset())


UP = Role("up")
INTAKE = Role("intake", hears=frozenset())
DASHBOARD = Role("dashboard", frozenset(), frozenset())


def work(domains: Collection[str]) -> Role:
    """Hears for these domains and takes their commands."""
    some = frozenset(domains)
    return Role("-".join(["work", *sorted(some)]), some, some)
