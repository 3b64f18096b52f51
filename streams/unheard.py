"""Messages that have not reached their hearers, as the ledgers tell: while somebody else publishes
the outboxes, neither a lane nor a broker knows of them."""

from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import suppress

from compensations.ledger import State
from infra.engine.several import Several
from schemas.catalogue import SchemaError
from schemas.message import Message
from streams.topology import Route, Topology

#: The state of every effect of some sagas in one domain, by (saga, step, subject).
Ledger = dict[tuple[str, str, str], str]


def unheard(topology: Topology, several: Several, sagas: Collection[str]) -> list[str]:
    """Who has not heard how many messages of whom about these sagas. What was heard once has a row
    in the ledger, which is never pruned."""
    parts = [part for name, part in topology.parts.items() if several.has(name, "ledger")]
    ledgers = {part.name: _ledger(several, part.name, sagas) for part in parts}
    counts = Counter[tuple[str, str]]()
    for publisher in parts:
        for saga, message in _announced(several, topology, publisher.name, sagas):
            for part in parts:
                route = part.routes.get(type(message))
                if route and not _reached(route, saga, message, ledgers[part.name]):
                    counts[publisher.name, part.name] += 1
    return [
        f"{publisher}: {count} messages have not reached {hearer}; somebody else publishes them"
        for (publisher, hearer), count in sorted(counts.items())
    ]


def _ledger(several: Several, domain: str, sagas: Collection[str]) -> Ledger:
    sql = f"""SELECT saga, step, subject, state FROM "{domain}$ledger"
        WHERE saga IN ({_marks(sagas)})"""
    rows = several.rows(sql, *sagas)
    return {(saga, step, subject): state for saga, step, subject, state in rows}


def _announced(
    several: Several, topology: Topology, domain: str, sagas: Collection[str]
) -> Iterator[tuple[str, Message]]:
    sql = f"""SELECT json_extract(headers, '$.saga'), type, payload FROM "{domain}$outbox"
        WHERE aggregatetype <> '{domain}.dlq'
          AND json_extract(headers, '$.saga') IN ({_marks(sagas)})"""
    for saga, type_, payload in several.rows(sql, *sagas):
        with suppress(SchemaError):  # nobody can hear that; it will be a dead delivery
            yield saga, topology.catalogue.decode(type_, payload)


def _reached(route: Route, saga: str, message: Message, ledger: Ledger) -> bool:
    """Whether every effect that the message has in a domain is there."""
    done = (
        (saga, step.name, step.subject(message) if step.subject else "") in ledger
        for step in route.forward
    )
    undone = (ledger.get((saga, step.name, ""), State.DONE) != State.DONE for step in route.undone)
    return all(done) and all(undone)


def _marks(sagas: Collection[str]) -> str:
    return ", ".join("?" * len(sagas))
