"""A card provider outside of everything: answers may get lost, and a key is charged once."""

from random import Random

from streams.connectors.provider import ProviderDown, ProviderTimeout, Reply, Request
from tests.simulation.host import Around
from tests.simulation.virtual_loop import passing

#: The cards of orders whose id ends so are declined.
DECLINED = "37"
#: An answer takes so long at most.
ANSWER_MAX_S = 0.5


class Provider:
    """What is in its books has happened."""

    def __init__(self, world: Around) -> None:
        self._world = world
        self._answered: dict[str, Reply] = {}
        self.charged: dict[str, int] = {}
        self.refunded: dict[str, int] = {}

    async def charge(self, request: Request) -> Reply:
        approved = request.order_id[-1] not in DECLINED
        return await self._answer(request, self.charged if approved else {}, approved)

    async def void(self, request: Request) -> Reply:
        return await self._answer(request, {}, False)

    async def refund(self, request: Request) -> Reply:
        return await self._answer(request, self.refunded, True)

    async def lookup(self, request: Request) -> Reply | None:
        await self._way(ProviderDown)
        return self._answered.get(request.key)

    async def close(self) -> None:
        """It stays, whoever leaves."""

    async def _answer(self, request: Request, book: dict[str, int], approved: bool) -> Reply:
        await self._way(ProviderDown)
        if request.key not in self._answered:
            book[request.order_id] = book.get(request.order_id, 0) + request.amount
            self._answered[request.key] = Reply(approved, f"T-{request.key}", {"by": "world"})
        await self._way(ProviderTimeout)
        return self._answered[request.key]

    async def _way(self, error: type[Exception]) -> None:
        """To the provider or back: it takes its time, or gets lost."""
        chance: Random = self._world.chance
        if self._world.storm:
            await passing(chance.random() * ANSWER_MAX_S)
            if chance.random() < self._world.knobs.provider_trouble:
                raise error("simulated")
