"""A Kafka that lost everything is filled again from the outboxes, and every saga ends."""

from pathlib import Path

import pytest

from infra.bus.kafka import sender
from infra.settings import Settings
from streams.books.check import Verdict
from streams.folder import AlreadyRunning
from streams.refill import refill
from streams.system import System
from streams.topology import discover
from tests.books.trading import asked, at_rest, open_shop, trade
from tests.services import need
from tests.services.kafka import lacking, running
from tests.stores import store_of

pytestmark = pytest.mark.service


async def test_every_saga_ends_on_a_broker_that_knows_nothing_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    need(lacking())
    store = store_of(tmp_path)
    with running() as first, monkeypatch.context() as patience:
        patience.setattr(sender, "SEND_LIMIT_SECONDS", 1.0)  # this broker does not come back
        system = System(Settings(data=tmp_path, kafka=first.address, store=store, partitions=2))
        await system.start()
        await open_shop(system, system)
        await trade(system, count=3)
        first.kill()
        with pytest.raises(AlreadyRunning):
            await refill(Settings(data=tmp_path, kafka=first.address, store=store), discover())
        await system.stop()
    with running() as second:
        settings = Settings(data=tmp_path, kafka=second.address, store=store, partitions=3)
        filled = await refill(settings, discover())
        assert filled.epoch == 2
        assert filled.messages >= len(asked(tmp_path, "order", 'SELECT 1 FROM "order$outbox"'))
        system = System(settings)
        await system.start()
        try:
            books = await at_rest(tmp_path, system)
        finally:
            await system.stop()
    assert books.verdict is Verdict.BALANCED
    orders = asked(tmp_path, "order", 'SELECT status, count(*) FROM "order$order" GROUP BY 1')
    assert dict(orders).keys() == {"CONFIRMED", "CANCELLED"}
    assert sum(dict(orders).values()) == 15
