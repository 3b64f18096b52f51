"""What exists, discovered from the code: domains, their rows, who hears what, which topics."""

import pkgutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from importlib import import_module
from types import MappingProxyType
from typing import Any

import domains
from compensations.ledger import Entry
from compensations.table import TABLE
from domains.domain import Domain, Step, rows_of
from domains.row import Row
from infra.engine.table import Table
from schemas.catalogue import Catalogue, on_the_wire
from schemas.message import Command, Failure, Message
from streams.codec import Codec
from streams.rows import MACHINERY, outbox_table


class TopologyError(Exception):
    """The domains, schemas and the compensation table do not fit together; says where."""


@dataclass(frozen=True)
class Route:
    """What one domain does with one message type."""

    forward: tuple[Step, ...]
    undone: tuple[Step, ...]

    @cached_property
    def queues(self) -> bool:
        """Whether a delivery waits behind a parked one of its saga: if all its steps do."""
        return all(step.queues for step in self.forward)


@dataclass(frozen=True)
class Part:
    """One domain, wired: its steps by trigger, its tables, the topics that it hears."""

    name: str
    domain: Domain
    rows: tuple[type[Row], ...]
    routes: Mapping[type[Message], Route]
    codecs: Mapping[type[Row], Codec[Any]]
    outbox: Table
    topics: tuple[str, ...]
    #: Types that travel on these topics and that this domain has no step for.
    skip: frozenset[str]

    @property
    def tables(self) -> list[Table]:
        """Every table of this domain's store."""
        return [codec.table for codec in self.codecs.values()] + [self.outbox]


@dataclass(frozen=True)
class Topology:
    """The whole system as the code declares it."""

    catalogue: Catalogue
    parts: Mapping[str, Part] = field(default_factory=dict)

    def hearers(self, message: type[Message]) -> Iterator[tuple[Part, Step, bool]]:
        """Who does what on hearing a message: (domain, step, whether it is undone)."""
        for part in self.parts.values():
            route = part.routes.get(message)
            if route:
                yield from ((part, step, False) for step in route.forward)
                yield from ((part, step, True) for step in route.undone)

    @property
    def topics(self) -> list[str]:
        """Every topic, whether anybody hears it or not."""
        kinds = ("commands", "events", "failures", "dlq")
        return [f"{name}.{kind}" for name in self.parts for kind in kinds]


def discover(
    table: Mapping[str, tuple[type[Failure], ...]] = TABLE,
    settings: Mapping[str, Any] = MappingProxyType({}),
) -> Topology:
    """Walk the folders and wire what is there; raises TopologyError where it does not fit.

    A step has those of the `settings` that it names as its arguments.
    """
    found = [
        import_module(f"domains.{module.name}.steps")
        for module in sorted(pkgutil.iter_modules(domains.__path__), key=lambda m: m.name)
        if module.ispkg
    ]
    catalogue = Catalogue()
    parts: dict[str, Part] = {}
    for steps in found:
        domain: Domain = steps.domain.set_to(settings)
        folder = steps.__name__.split(".")[1]
        if domain.name != folder:
            raise TopologyError(f"domains/{folder}: its domain is called {domain.name!r}")
        rows = rows_of(import_module(f"domains.{folder}.rows"))
        parts[folder] = _part(domain, tuple(rows), table, catalogue)
    topology = Topology(catalogue, parts)
    _check(topology, table)
    return topology


def _part(
    domain: Domain,
    rows: tuple[type[Row], ...],
    table: Mapping[str, tuple[type[Failure], ...]],
    catalogue: Catalogue,
) -> Part:
    forward: dict[type[Message], list[Step]] = {}
    undone: dict[type[Message], list[Step]] = {}
    for step in domain.steps.values():
        for trigger in step.triggers:
            forward.setdefault(trigger, []).append(step)
        for failure in table.get(step.full_name, ()):
            undone.setdefault(failure, []).append(step)
    routes = {
        message: Route(tuple(forward.get(message, ())), tuple(undone.get(message, ())))
        for message in {**forward, **undone}
    }
    topics = {f"{domain.name}.commands"} | {m.spec.topic for m in routes if on_the_wire(m)}
    kept: tuple[type[Row], ...] = (*rows, Entry, *MACHINERY)
    codecs: dict[type[Row], Codec[Any]] = {row: Codec(domain.name, row) for row in kept}
    outbox = outbox_table(domain.name)
    skip = frozenset(wire for wire, (cls, _) in catalogue.by_type.items() if cls not in routes)
    return Part(domain.name, domain, rows, routes, codecs, outbox, tuple(sorted(topics)), skip)


def _check(topology: Topology, table: Mapping[str, tuple[type[Failure], ...]]) -> None:
    for full_name, failures in table.items():
        for failure in failures:
            if not issubclass(failure, Failure):
                raise TopologyError(
                    f"compensation table: {full_name} is to be taken back on {failure.__name__},"
                    " which is no Failure; after the pivot, write a step that hears it"
                )
        domain, _, name = full_name.partition(".")
        part = topology.parts.get(domain)
        step = part.domain.steps.get(name) if part else None
        if step is None or step.undo is None or step.subject is not None:
            raise TopologyError(
                f"compensation table: {full_name} is no step, has no undo, or declares a subject"
            )
    for part in topology.parts.values():
        for step in part.domain.steps.values():
            for message in (*step.triggers, *step.announces):
                _check_message(part, step, message)


def _check_message(part: Part, step: Step, message: type[Message]) -> None:
    foreign = message.spec.domain != part.name
    if message in step.announces and foreign:
        raise TopologyError(
            f"{step.full_name} announces {message.__name__}, which is {message.spec.domain}'s"
        )
    if message in step.triggers and foreign and issubclass(message, Command):
        raise TopologyError(
            f"{step.full_name} hears {message.__name__}, a command to another domain"
        )
