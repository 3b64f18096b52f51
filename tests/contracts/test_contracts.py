"""What strangers rely on does not change by accident: wire names, topics, keys and schemas."""

import json
import re
from pathlib import Path

import pytest
from pydantic import TypeAdapter, ValidationError

import schemas
from schemas.catalogue import Catalogue, explain
from schemas.fields import (
    IN_WORDS,
    SAGA_PREFIXES,
    AmountGiven,
    Count,
    Currency,
    Id,
    OrderId,
    Text,
)
from schemas.message import Command, Event, Failure, Message, Timer
from streams.topology import discover
from tests.contracts.golden import changes, contracts, kept, text_of

MESSAGES = list(Catalogue().by_name.values())
KEPT, CODE = kept(), contracts()
CHANGED = (
    "is kept in tests/contracts/files and differs. A change that old messages or readers do not"
    " survive needs a new version and an upcaster; otherwise run `make golden` and review its diff."
)
WIRE = "odori.order.OrderRejected.v1.json"


@pytest.mark.parametrize("name", sorted(KEPT.keys() | CODE.keys()))
def test_a_message_is_what_it_was(name: str) -> None:
    difference = changes({name: KEPT.get(name, "")}, {name: CODE.get(name, "")})
    assert not difference, f"{name} {CHANGED}\n{difference}"


class OrderRejected(Event, wire="odori.order.OrderRejected.v1", saga="order_id", key="customer_id"):
    """The same name with another meaning."""

    order_id: Id
    customer_id: Id
    reason: Id
    line: Count


def test_a_changed_field_shows_in_the_difference() -> None:
    difference = changes({WIRE: KEPT[WIRE]}, {WIRE: text_of(OrderRejected)})
    added = [line for line in difference.splitlines() if line.startswith("+")]
    assert any('"line"' in line for line in added)
    assert '"detail"' in difference


def test_a_message_that_disappears_shows_in_the_difference() -> None:
    assert f"--- kept/{WIRE}" in changes(KEPT, {n: t for n, t in CODE.items() if n != WIRE})


@pytest.mark.parametrize("message", MESSAGES, ids=lambda m: m.spec.wire)
def test_a_wire_name_says_domain_name_and_version(message: type[Message]) -> None:
    spec = message.spec
    assert re.fullmatch(rf"odori\.{spec.domain}\.{message.__name__}\.v\d+", spec.wire)
    assert message.__module__ == f"schemas.{spec.domain}"
    assert all(n in message.upcasters for n in range(1, spec.version))


def test_every_command_is_heard_and_everything_else_is_announced() -> None:
    topology = discover()
    steps = [step for part in topology.parts.values() for step in part.domain.steps.values()]
    heard = {message for step in steps for message in step.triggers}
    announced = {message for step in steps for message in step.announces} | {
        message for step in steps if step.undo for message in step.undo.announces
    }
    served = [m for m in MESSAGES if m.spec.domain in topology.parts]
    assert [m for m in served if issubclass(m, Command | Timer) and m not in heard] == []
    others = [m for m in served if not issubclass(m, Command | Timer)]
    assert [m for m in others if m not in announced] == []


def test_every_failure_has_a_topic_of_its_own_kind() -> None:
    for message in MESSAGES:
        kind = message.spec.topic.split(".")[1]
        assert (kind == "failures") is issubclass(message, Failure)
        assert (kind == "commands") is issubclass(message, Command)


MISFITS = [
    ("orderId", "a\nb", "orderId must be one line without control characters, not only blanks"),
    ("orderId", "hold:1", "orderId must not begin with one of destination:, hold:, "),
    ("customerId", "  ", 'such as "A-1"'),
    ("reason", "a\x00b", 'reason must be text without control characters, such as "Obere'),
    ("amount", "-1", 'amount must be a decimal number of 0 or more, plainly written, such as "12'),
    ("amount", "1.005", "amount must fit its currency: USD has 2 digits after the point"),
    ("amount", "0", 'amount must be more than nothing, such as "12.30"'),
    ("currency", "usd", 'currency must be an ISO 4217 currency code, such as "USD"'),
]


class Asked(Command, wire="odori.test.Asked.v1", saga="order_id"):
    """One field of each type that is said in words."""

    order_id: OrderId = "A-1"
    customer_id: Id = "A-1"
    reason: Text = "Obere Str. 57"
    currency: Currency = "USD"
    amount: AmountGiven = "12.30"


@pytest.mark.parametrize(("field", "value", "words"), MISFITS)
def test_what_a_field_must_be_is_said_in_words(field: str, value: str, words: str) -> None:
    given = {"orderId": "A-1", "currency": "USD", "amount": "12.30"} | {field: value}
    with pytest.raises(ValidationError) as caught:
        Asked.parse(json.dumps(given))
    [said] = explain(caught.value)
    assert (said["pointer"], words in said["detail"]) == (f"/{field}", True), said


def test_every_pattern_has_words_and_every_example_fits() -> None:
    patterns = set(re.findall(r'"pattern": "(.*)"', "".join(CODE.values())))
    assert {json.loads(f'"{pattern}"') for pattern in patterns} == set(IN_WORDS)
    for pattern, words in IN_WORDS.items():
        [example] = re.findall(r'such as "(.*)"$', words)
        assert re.fullmatch(pattern, example)


def test_an_order_id_cannot_be_taken_for_another_saga() -> None:
    files = Path(next(iter(schemas.__path__))).glob("*.py")
    prefixes = {p for file in files for p in re.findall(r'saga="(\w+:)', file.read_text())}
    assert prefixes == set(SAGA_PREFIXES)
    for prefix in prefixes:
        with pytest.raises(ValidationError, match="must not begin"):
            TypeAdapter(OrderId).validate_python(f"{prefix}1")


@pytest.mark.parametrize("bad", ["", "  ", "\x00", "a\x1b[31m", "a\x7f", "a\u0085b", "\u009b31m"])
def test_an_id_is_visible_and_no_terminal_obeys_it(bad: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Id).validate_python(bad)
