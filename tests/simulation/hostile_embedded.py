"""The embedded binding of the bus, in a process that may be killed while it sends."""

from collections.abc import Sequence

from streams.embedded import EmbeddedBus
from streams.envelope import Envelope
from tests.simulation.host import Host


class HostileEmbeddedBus(EmbeddedBus):
    """The real one; sends may be refused, and may be the last thing that the process does."""

    def __init__(self, host: Host) -> None:
        super().__init__({})
        self._host = host

    async def publish(self, lane: str, batch: Sequence[Envelope]) -> int:
        world = self._host.world
        await self._host.gate()
        self._host.perhaps_die("publish")
        if world.storm and world.chance.random() < world.knobs.lost:
            return batch[0].sequence - 1
        reached = await super().publish(lane, batch)
        self._host.perhaps_die("published")
        return reached

    def quiet(self) -> bool:
        """Whether everything was heard by everybody."""
        return not any(s.unheard() for s in self.subscriptions.values())
