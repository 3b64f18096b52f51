"""The skeleton of a domain: small, whole, and dancing at once."""

import re
from keyword import iskeyword
from pathlib import Path

#: Characters of a domain's name; it is part of class names, topics and file names.
NAME_MAX_CHARS = 24
_NAME = re.compile(r"[a-z][a-z0-9]*")
#: Names that say nothing, which the house style refuses.
_EMPTY = {"base", "common", "helpers", "manager", "utils"}
#: Folders of the project and words of its topics, which a domain would be taken for.
_OURS = {
    "commands", "compensations", "dlq", "domains", "events", "failures", "infra", "odori",
    "schemas", "streams", "test", "tests", "timers",
}  # fmt: skip
_TABLE = "compensations/table.py"


class BadName(Exception):
    """A domain cannot be called so."""


class NoTree(Exception):
    """This is not Odori's source tree."""


def write(name: str, root: Path) -> tuple[list[Path], str]:
    """Write the files; returns them, and the line that was added to the compensation table."""
    table = root / _TABLE
    if not table.is_file() or not (root / "domains").is_dir():
        raise NoTree(f"{root.resolve()} is not Odori's source tree: it has no {_TABLE}")
    _check(name, root)
    line = f'    "{name}.note": (StockShort, PaymentDeclined, ShipmentRefused),\n'
    text = table.read_text("utf-8")
    head, end, tail = text.partition("\n}\n")
    if not end:
        raise NoTree(f"{table}: the table has no end to add a line before")
    written = []
    for path, lines in _files(name).items():
        place = root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(lines, "utf-8")
        written.append(place)
    table.write_text(f"{head}\n{line.rstrip()}{end}{tail}", "utf-8")
    return written, line.strip()


def _check(name: str, root: Path) -> None:
    if not _NAME.fullmatch(name) or len(name) > NAME_MAX_CHARS or iskeyword(name):
        raise BadName(
            f"{name!r} cannot be a domain: take a word of a-z and 0-9, a letter first, at most"
            f" {NAME_MAX_CHARS} characters"
        )
    if name in _OURS:
        raise BadName(f"{name!r} means something else here already; take another word")
    if name in _EMPTY:
        raise BadName(f"{name!r} says nothing about what the domain does; take another word")
    taken = (f"domains/{name}", f"domains/{name}.py", f"schemas/{name}.py")
    for path in (*taken, f"tests/domains/test_{name}.py"):
        if (root / path).exists():
            raise BadName(f"{name!r} is taken: {path} exists")


def _files(name: str) -> dict[str, str]:
    title = name.capitalize()
    parts = {
        f"schemas/{name}.py": _SCHEMA,
        f"domains/{name}/__init__.py": _INIT,
        f"domains/{name}/rows.py": _ROWS,
        f"domains/{name}/steps.py": _STEPS,
        f"tests/domains/test_{name}.py": _TEST,
    }
    return {
        path: _sorted(text.replace("NAME", name).replace("TITLE", title).lstrip())
        for path, text in parts.items()
    }


def _sorted(text: str) -> str:
    """With its imports of ours in the linter's order, which depends on the name."""
    lines = text.splitlines(keepends=True)
    ours = [n for n, line in enumerate(lines) if line.startswith(("from domains", "from schemas"))]
    if ours:
        first, last = ours[0], ours[-1] + 1
        lines[first:last] = sorted(lines[first:last], key=lambda line: line.split()[1])
    return "".join(lines)


_INIT = '''
"""TITLE: what this domain does, in a sentence."""
'''

_SCHEMA = '''
"""What is said about NAME."""

from schemas.fields import Id
from schemas.message import Event


class TITLENoted(
    Event,
    wire="odori.NAME.TITLENoted.v1",
    saga="order_id",
    key="customer_id",
):
    """An order was noted."""

    order_id: Id
    customer_id: Id


class TITLEForgotten(
    Event,
    wire="odori.NAME.TITLEForgotten.v1",
    saga="order_id",
    key="customer_id",
):
    """An order that was noted has ended; its note is gone."""

    order_id: Id
    customer_id: Id
'''

_ROWS = '''
"""What NAME keeps."""

from datetime import datetime

from domains.row import Minor, Row


class Note(Row, partition=("customer_id",), clustering=("order_id",)):
    """One order that was noted."""

    customer_id: str
    order_id: str
    amount: Minor
    currency: str
    noted_at: datetime
'''

_STEPS = '''
"""The part of NAME in the dance: note an order, forget it when it fails."""

from domains.domain import Address, Domain
from domains.NAME.rows import Note
from domains.tx import Tx
from schemas.NAME import TITLEForgotten, TITLENoted
from schemas.message import Failure
from schemas.money import to_minor
from schemas.order import OrderPlaced

domain = Domain("NAME")


def _note(event: OrderPlaced) -> list[Address]:
    return [Note.address(event.customer_id, event.order_id)]


@domain.step(reads=_note)
def note(event: OrderPlaced, tx: Tx) -> TITLENoted:
    """Keep a note of the order."""
    tx.put(
        Note(
            customer_id=event.customer_id,
            order_id=event.order_id,
            amount=to_minor(event.amount, event.currency),
            currency=event.currency,
            noted_at=tx.now,
        )
    )
    return TITLENoted(order_id=event.order_id, customer_id=event.customer_id)


@domain.undo(note, reads=lambda failure, heard: _note(heard))
def forget(failure: Failure, heard: OrderPlaced, tx: Tx) -> TITLEForgotten:
    """The order ended: the note goes."""
    kept = tx.get(Note, heard.customer_id, heard.order_id)
    assert kept is not None, "what was noted has a row"
    tx.delete(kept)
    return TITLEForgotten(order_id=heard.order_id, customer_id=heard.customer_id)
'''

_TEST = '''
"""TITLE notes orders, and forgets those that fail."""

from domains.NAME.rows import Note
from schemas.NAME import TITLEForgotten, TITLENoted
from schemas.order import OrderPlaced
from schemas.shipping import ShipmentRefused
from tests.given import NOW, Stage
from tests.trade import event

PLACED = event(OrderPlaced)


def test_an_order_that_is_placed_is_noted() -> None:
    stage = Stage("NAME")
    assert stage.when(PLACED) == [TITLENoted(order_id="O-1", customer_id="ann")]
    assert stage.one(Note).noted_at == NOW


def test_the_same_order_heard_twice_is_noted_once() -> None:
    stage = Stage("NAME")
    stage.when(PLACED)
    assert stage.when(PLACED) == []


def test_an_order_that_fails_is_forgotten() -> None:
    stage = Stage("NAME")
    stage.when(PLACED)
    forgotten = TITLEForgotten(order_id="O-1", customer_id="ann")
    assert stage.when(event(ShipmentRefused)) == [forgotten]
    assert stage.rows(Note) == []


def test_a_failure_that_comes_first_keeps_the_order_from_being_noted() -> None:
    stage = Stage("NAME")
    assert stage.when(event(ShipmentRefused)) == []
    assert stage.when(PLACED) == []
    assert stage.rows(Note) == []
'''
