"""What CONTRIBUTING.md and `make` show as examples does what they say of it."""

import re
import subprocess
from itertools import permutations
from typing import Any

import pytest

from domains.domain import Address, Domain
from domains.row import Row
from domains.tx import Tx
from schemas.message import Message
from schemas.money import to_minor
from schemas.order import OrderConfirmed, OrderRef
from schemas.payment import PaymentRefunded
from streams.codec import Codec
from streams.workspace import Workspace
from tests.docs.readme import ROOT, blocks
from tests.given import NOW
from tests.run import suites
from tests.trade import event

CONFIRMED, REPAID = event(OrderConfirmed), event(PaymentRefunded)
#: What the block needs from elsewhere; a real domain imports it.
NAMES = (Row, Tx, to_minor, OrderConfirmed, OrderRef, PaymentRefunded)


@pytest.fixture(scope="module")
def shown() -> dict[str, Any]:
    """What the page's program defines."""
    [block] = blocks("python", ROOT / "CONTRIBUTING.md")
    made: dict[str, Any] = {"__name__": "loyalty", "domain": Domain("loyalty"), "Address": Address}
    made |= {part.__name__: part for part in NAMES}
    exec(block, made)
    return made


def heard(shown: dict[str, Any], *messages: Message) -> Any:
    """The row of the order after the steps that hear the messages, in this order."""
    points, steps = shown["Points"], shown["domain"].steps.values()
    rows = Workspace({points: Codec("loyalty", points)}, NOW)
    for message in messages:
        [step] = [step for step in steps if type(message) in step.triggers]
        for row, key in step.reads(message):
            rows.load(row, key, None)
        step.function(message, rows)
    return rows.get(points, "ann", "O-1")


def test_a_confirmed_order_earns_a_point_for_each_whole_dollar(shown: dict[str, Any]) -> None:
    assert heard(shown, CONFIRMED).count == 21


@pytest.mark.parametrize("order", list(permutations((CONFIRMED, REPAID))), ids=("after", "before"))
def test_the_points_are_gone_whichever_is_heard_first(
    order: tuple[Message, ...], shown: dict[str, Any]
) -> None:
    row = heard(shown, *order)
    assert (row.earned, row.count) == (21, 0)


def test_a_refund_of_an_order_that_was_never_confirmed_takes_nothing(
    shown: dict[str, Any],
) -> None:
    assert heard(shown, REPAID).count == 0


def test_the_suite_that_make_names_as_an_example_is_one() -> None:
    said = subprocess.run(["make", "test-SUITE"], cwd=ROOT, capture_output=True, text=True).stdout
    found = re.fullmatch(r"Name a suite: make test-(\w+), for one. Suites: (.*)\n", said)
    assert found
    assert found[2].split() == suites()
    assert found[1] in suites()
