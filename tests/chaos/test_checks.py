"""Each check of the end finds what was spoilt by hand, and nothing where nothing was."""

from pathlib import Path

import pytest

from infra.clock import now_ms
from streams.chaos.bank import ACCOUNTS_COUNT, OPENING, audit
from streams.chaos.checks import PREPARED_MAX_MS, lost
from streams.topology import discover
from tests.books.conftest import _traded, traded
from tests.books.trading import asked, by_hand, home_at

__all__ = ["_traded", "traded"]
ONE = """(SELECT min(id) FROM "{0}$outbox" WHERE type LIKE '%{1}%')"""
PLACED, CONFIRMED = ONE.format("order", "OrderPlaced"), ONE.format("order", "OrderConfirmed")
#: Of an order that had nothing on hold before.
RESERVED = "type LIKE '%StockReserved%' AND json_extract(headers, '$.saga') = 'A-0-poor'"
COPY = """INSERT INTO "order$outbox" (lane, sequence, id, aggregatetype, aggregateid, type, payload,
    headers) SELECT lane, 0, id || '-again', aggregatetype, aggregateid, type, payload, headers
    FROM "order$outbox" WHERE id = {}"""
PREPARED = 'UPDATE "payment$wallet" SET tx_state = 1, tx_prepared_at = {}'
PARKED = """INSERT INTO "order$parked" (saga, source, id, number, state, type, reason)
    VALUES ('A-0-a', 's', 'i', 1, 'dead', 't', 'poison')"""


def found(data: Path) -> list[str]:
    accepted = [row[0] for row in asked(data, "order", 'SELECT order_id FROM "order$order"')]
    with home_at(data).several() as several:
        return lost(several, discover(), accepted, now_ms())


def test_where_nothing_was_broken_nothing_is_found(traded: Path) -> None:
    assert "\n".join(found(traded)) == ""


@pytest.mark.parametrize(
    ("domain", "sql", "said"),
    [
        ("order", f'DELETE FROM "order$outbox" WHERE id = {CONFIRMED}', "ended 0 times"),
        ("order", f'DELETE FROM "order$outbox" WHERE id = {PLACED}', "placed 0 times"),
        ("order", COPY.format(CONFIRMED), "ended 2 times"),
        ("inventory", f'DELETE FROM "inventory$outbox" WHERE {RESERVED}',
         "is in the ledger, and nothing was announced"),
        ("payment", "DELETE FROM \"payment$ledger\" WHERE saga = 'A-0-a'",
         "the ledger has no effect of it"),
        ("shipping", 'UPDATE "shipping$lanes" SET published = published - 1', "published"),
        ("shipping", 'UPDATE "shipping$lanes" SET next = next + 1', "messages"),
        ("payment", PREPARED.format(1), "have been prepared for over a minute"),
        ("order", PARKED, "is parked (dead): poison"),
    ],
)  # fmt: skip
def test_what_was_spoilt_by_hand_is_found(traded: Path, domain: str, sql: str, said: str) -> None:
    by_hand(traded, domain, sql)
    assert any(said in line for line in found(traded)), found(traded)


def test_a_row_that_was_prepared_just_now_is_in_nobodys_way(traded: Path) -> None:
    by_hand(traded, "payment", PREPARED.format(now_ms() - PREPARED_MAX_MS // 2))
    assert "\n".join(found(traded)) == ""


def test_receipts_explain_every_balance_and_every_transfer_has_one() -> None:
    giro, savings = (dict.fromkeys(range(ACCOUNTS_COUNT), OPENING) for _ in range(2))
    giro[3] -= 5
    savings[3] += 5
    receipts = [("T-1", 3, 5)]
    assert audit({"T-1"}, receipts, giro, savings) == []
    assert audit({"T-1", "T-2"}, receipts, giro, savings) == [
        "transfer T-2 ended and has no receipt"
    ]
    savings[3] -= 1
    assert len(audit({"T-1"}, receipts, giro, savings)) == 1
    assert len(audit(set(), [], giro, savings)) == 1
