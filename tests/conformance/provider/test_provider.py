"""What every payment provider promises its connector, whatever way it keeps its books."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import cast

import pytest

from streams.connectors.local_provider import LocalProvider
from streams.connectors.provider import PaymentProvider, ProviderDown, ProviderTimeout, Request
from tests.connectors.till import rules
from tests.simulation.host import Around
from tests.simulation.provider import Provider

CHARGE = Request("O-1/1", "O-1", "ann", 2_100, "USD")
REFUND = replace(CHARGE, key="O-1/2")


class Calm:
    """A world without trouble, as far as a provider looks at it."""

    chance = Random(1)
    storm = False


@pytest.fixture(params=["local", "simulated"])
def provider(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[PaymentProvider]:
    found: PaymentProvider = (
        LocalProvider(tmp_path) if request.param == "local" else Provider(cast(Around, Calm()))
    )
    yield found
    asyncio.run(found.close())


async def test_what_was_never_asked_is_not_found(provider: PaymentProvider) -> None:
    assert await provider.lookup(CHARGE) is None


async def test_a_repeated_charge_gets_the_first_answer(provider: PaymentProvider) -> None:
    first = await provider.charge(CHARGE)
    assert first.approved
    assert await provider.charge(CHARGE) == first
    assert await provider.lookup(CHARGE) == first


async def test_a_refund_has_a_key_of_its_own(provider: PaymentProvider) -> None:
    charged, refunded = await provider.charge(CHARGE), await provider.refund(REFUND)
    assert refunded.approved
    assert charged.transaction_id != refunded.transaction_id


async def test_a_charge_that_arrives_after_its_void_takes_nothing(
    provider: PaymentProvider,
) -> None:
    voided = await provider.void(CHARGE)
    assert not voided.approved
    assert await provider.charge(CHARGE) == voided
    assert await provider.lookup(CHARGE) == voided


async def test_a_void_that_comes_after_the_charge_tells_of_it(provider: PaymentProvider) -> None:
    charged = await provider.charge(CHARGE)
    assert await provider.void(CHARGE) == charged


async def test_a_repeated_void_gets_the_first_answer(provider: PaymentProvider) -> None:
    assert await provider.void(CHARGE) == await provider.void(CHARGE)


async def test_of_a_charge_and_a_void_at_once_one_wins_for_both(provider: PaymentProvider) -> None:
    charged, voided = await asyncio.gather(provider.charge(CHARGE), provider.void(CHARGE))
    assert charged == voided


async def test_a_void_while_the_provider_is_down_does_nothing(tmp_path: Path) -> None:
    rules(tmp_path, "down *")
    local = LocalProvider(tmp_path)
    with pytest.raises(ProviderDown):
        await local.void(CHARGE)
    rules(tmp_path)
    assert (await local.charge(CHARGE)).approved
    await local.close()


async def test_a_void_whose_answer_was_lost_holds_all_the_same(tmp_path: Path) -> None:
    rules(tmp_path, "timeout *")
    local = LocalProvider(tmp_path)
    with pytest.raises(ProviderTimeout):
        await local.void(CHARGE)
    assert not (await local.charge(CHARGE)).approved
    await local.close()
