"""Publishing on Kafka: commands straight to their topics, as any Kafka client may."""

import secrets
from collections.abc import Callable, Iterable, Sequence
from itertools import islice

from infra.settings import Settings
from streams.kafka_bus import KafkaBus
from streams.publishing.errors import BrokerGone
from streams.publishing.over_bus import CHUNK_MAX_COMMANDS, envelope_of
from streams.publishing.pace import Pace
from streams.publishing.senders import C, Sent


class KafkaSender:
    """Produces CloudEvents, acknowledged by all replicas; in order per key."""

    def __init__(self, settings: Settings, key: str, pace: Pace) -> None:
        self._address = settings.kafka
        self._bus = KafkaBus(
            settings.kafka, dict(settings.kafka_client), wait_seconds=settings.start_seconds
        )
        self._key = key
        self._pace = pace
        self._run = secrets.token_hex(6)

    async def send(self, commands: Iterable[C], progress: Callable[[Sequence[C]], None]) -> Sent[C]:
        left, sent, source = iter(commands), Sent[C](), f"/odori/publish/{self._run}"
        following = 1
        size = 1 if self._pace.limited else CHUNK_MAX_COMMANDS
        while chunk := list(islice(left, size)):
            await self._pace.turns(len(chunk))
            envelopes = [
                envelope_of(command, f"{self._run}-{number}", source, self._key, number)
                for number, command in enumerate(chunk, start=following)
            ]
            if await self._bus.publish(self._run, envelopes) < envelopes[-1].sequence:
                raise BrokerGone(
                    f"Kafka at {self._address} does not take what is sent; is ODORI_KAFKA right?"
                )
            following += len(chunk)
            sent.accepted.update(command.spec.subject(command) for command in chunk)
            progress(chunk)
        return sent

    async def close(self) -> None:
        await self._bus.close()
