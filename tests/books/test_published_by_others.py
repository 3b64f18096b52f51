"""While somebody else publishes the outboxes, what has not been heard is no difference."""

from functools import partial
from pathlib import Path

from infra.settings import Settings
from streams.books.check import Verdict, check
from streams.system import System
from streams.topology import discover
from streams.unheard import unheard
from tests.books.trading import at_rest, by_hand, hold, home_at, order, send, send_all, trading

UNHEARD = partial(unheard, discover())


async def unpublished(data: Path) -> None:
    """Orders that nobody publishes, one of them of a customer who has a hold."""
    system = System(Settings(data=data, relay="off"))
    try:
        await system.start()
        await send(system, hold("L-held"))
        await send_all(system, [order("L-held"), order("L-poor", "poor"), order("L-1")])
    finally:
        await system.stop()


async def test_what_others_have_yet_to_publish_moves_until_it_is_heard(traded: Path) -> None:
    await unpublished(traded)
    assert check(home_at(traded), lag=dict).verdict is Verdict.UNBALANCED
    books = check(home_at(traded), lag=dict, unheard=UNHEARD, wait_s=0.1)
    assert books.verdict is Verdict.MOVING
    told = "order: 3 messages have not reached inventory; somebody else publishes them"
    assert (books.differences, books.moving) == ([], [told])
    async with trading(traded):
        await at_rest(traded)
    assert check(home_at(traded), lag=dict, unheard=UNHEARD).verdict is Verdict.BALANCED


def test_an_order_that_all_have_heard_of_must_have_an_end_whoever_publishes(traded: Path) -> None:
    placed = "UPDATE \"order$order\" SET status = 'PLACED' WHERE order_id = 'A-0-a'"
    by_hand(traded, "order", placed)
    books = check(home_at(traded), lag=dict, unheard=UNHEARD)
    assert books.verdict is Verdict.UNBALANCED
    assert {difference.key for difference in books.differences} >= {"A-0-a"}
