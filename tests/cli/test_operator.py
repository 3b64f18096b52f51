"""The operator's mark: made with the secret, for one message only."""

from dataclasses import replace

from schemas.inventory import Replenish
from streams import operator
from streams.envelope import Envelope
from streams.publishing.over_bus import envelope_of

KEY = "secret"
MORE = Replenish(product_id="tea", request_id="r1", quantity=5)
MARKED = envelope_of(MORE, "lane-1", "/odori/inventory/lane", KEY, 1)


def test_what_the_operator_marked_is_the_operators() -> None:
    assert operator.is_operators(KEY, MARKED)


def test_the_mark_survives_the_outbox_row_and_the_kafka_record() -> None:
    assert operator.is_operators(KEY, Envelope.of_row(MARKED.row("lane")))
    record = Envelope.of_record(MARKED.topic, b"tea", MARKED.payload, MARKED.headers())
    assert operator.is_operators(KEY, record)


def test_a_mark_is_worth_nothing_on_another_message_or_under_another_secret() -> None:
    assert not operator.is_operators(KEY, replace(MARKED, payload=b"{}"))
    assert not operator.is_operators(KEY, replace(MARKED, id="lane-2"))
    assert not operator.is_operators(KEY, replace(MARKED, type="odori.inventory.ChangePrice.v1"))
    assert not operator.is_operators("another", MARKED)
    assert not operator.is_operators("", MARKED)


def test_what_carries_no_mark_is_anybodys() -> None:
    assert not operator.is_operators(KEY, replace(MARKED, extra=None))
