"""Where the brokers are and how to talk to them; makes the clients, and topics that are missing."""

import asyncio
import inspect
import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from ssl import SSLError
from typing import Any, NamedTuple

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.conn import collect_hosts, create_conn
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.errors import (
    AuthenticationFailedError,
    AuthenticationMethodNotSupported,
    ClusterAuthorizationFailedError,
    IllegalSaslStateError,
    IncompatibleBrokerVersion,
    KafkaError,
    NoError,
    SaslAuthenticationFailed,
    TopicAlreadyExistsError,
    UnsupportedSaslMechanismError,
    for_code,
)
from aiokafka.protocol.group import LeaveGroupRequest

from infra.bus.errors import BusUnreachable, ClientRefused, TopicRefused
from infra.bus.kafka.client_settings import client_settings
from infra.bus.kafka.sessions import Sessions
from infra.observe import observe

#: How long a broker that does not answer is waited for, if nobody says otherwise.
CONNECT_LIMIT_SECONDS = 6.0
#: Who only looks waits less.
LOOK_LIMIT_SECONDS = 5.0
#: Between two attempts to connect: soon after the broker is back, without a storm while it is not.
CONNECT_RETRY_SECONDS = 0.5
#: What a broker has at the least to answer a first request.
CONNECT_TRY_SECONDS = 1.0
#: One produce batch: under the broker's usual limit of 1 MB for a batch, large enough to pay.
BATCH_LIMIT_BYTES = 512 * 1024
#: What one fetch may bring, a thousand messages or so. A consumer that is far behind holds two
#: of them, one of them decoded to five times its size.
FETCH_LIMIT_BYTES = 1024 * 1024
#: How long the broker holds a fetch that finds nothing. A message ends the wait at once; the time
#: is what a partition may have to wait that was not part of the fetch (see aiokafka's fetcher).
FETCH_WAIT_MS = 200
#: What no waiting mends: who we are, how we say so, and what the brokers understand.
_REFUSALS = (
    AuthenticationFailedError,
    AuthenticationMethodNotSupported,
    ClusterAuthorizationFailedError,
    IllegalSaslStateError,
    IncompatibleBrokerVersion,
    SaslAuthenticationFailed,
    UnsupportedSaslMechanismError,
)


def _worth_saying(record: logging.LogRecord) -> bool:
    """A broker that is just started has no group coordinator yet, and aiokafka says so as an error
    ten times a second while it asks again."""
    return "GroupCoordinatorNotAvailable" not in record.getMessage()


logging.getLogger("aiokafka.consumer.group_coordinator").addFilter(_worth_saying)


class Topic(NamedTuple):
    """One topic as it should be created."""

    name: str
    partitions: int
    replication: int
    config: Mapping[str, str]


class Seen(NamedTuple):
    """What brokers have of some topics."""

    brokers: int
    missing: list[str]
    #: Topics with fewer partitions than asked for, and how many they have.
    few: dict[str, int]
    #: Topics that they would not create, and why.
    refused: dict[str, str]


class Connection:
    """`settings` are aiokafka's own (security_protocol, sasl_...); ssl_cafile, ssl_certfile,
    ssl_keyfile and ssl_password become its ssl_context; those of MEMBER_SETTINGS are for
    consumers only. Brokers that do not answer are waited for `wait_seconds`."""

    def __init__(
        self,
        address: str,
        settings: Mapping[str, Any] | None = None,
        wait_seconds: float = CONNECT_LIMIT_SECONDS,
    ) -> None:
        self.address = address
        self._wait_seconds = wait_seconds
        given, self._member = client_settings(settings or {})
        self._settings = {"bootstrap_servers": address.split(","), **given}

    def producer(self) -> Any:
        """Idempotent, acknowledged by all in-sync replicas."""
        return AIOKafkaProducer(
            acks="all", enable_idempotence=True, max_batch_size=BATCH_LIMIT_BYTES, **self._settings
        )

    def consumer(self, **settings: Any) -> Any:
        """Offsets are the caller's business: nothing is committed and nothing is reset by itself.
        Aborted transactions of others are not seen."""
        consumer = AIOKafkaConsumer(
            enable_auto_commit=False,
            isolation_level="read_committed",
            fetch_max_wait_ms=FETCH_WAIT_MS,
            fetch_max_bytes=FETCH_LIMIT_BYTES,
            # By range: partition n of every topic goes to the same member.
            partition_assignment_strategy=(RangePartitionAssignor,),
            **{"auto_offset_reset": "none", **self._settings, **self._member, **settings},
        )
        Sessions(consumer._client)  # aiokafka has no public place for it
        return consumer

    @asynccontextmanager
    async def reader(self) -> AsyncIterator[Any]:
        """A consumer without a group, for a look."""
        consumer = self.consumer()
        try:
            await consumer.start()
            yield consumer
        finally:
            await consumer.stop()

    async def bury(self, group: str, name: str) -> None:
        """Take the member of this name out of a group, so that the others have its partitions now
        and not when its session is over."""
        admin = await self._admin()
        try:
            with suppress(KafkaError):  # then the session is waited for
                node = await admin.find_coordinator(group)
                [found] = await admin.describe_consumer_groups([group], node)
                for member, client, *_ in found.groups[0][5]:
                    if client == name:
                        # aiokafka has no public way to take out somebody else
                        await admin._send_request(LeaveGroupRequest(group, member), node)
        finally:
            await admin.close()

    async def members(self, group: str) -> int:
        """How many members a group has, of whatever process."""
        admin = await self._admin()
        try:
            node = await admin.find_coordinator(group)
            [found] = await admin.describe_consumer_groups([group], node)
            return len(found.groups[0][5])
        finally:
            await admin.close()

    async def committed(self, group: str) -> dict[TopicPartition, int]:
        """Where a group is, for the partitions that it ever committed."""
        admin = await self._admin()
        try:
            found = await admin.list_consumer_group_offsets(group)
            return {place: at.offset for place, at in found.items() if at.offset >= 0}
        finally:
            await admin.close()

    async def create_topics(self, topics: Sequence[Topic]) -> None:
        """Create what is missing; waits for the brokers. Raises TopicRefused for what they would
        not create, and for what is there with fewer partitions than asked for."""
        admin = await self._admin()
        try:
            there = set(await admin.list_topics())
            missing = [t for t in topics if t.name not in there]
            for name, why in (await _create(admin, missing)).items():
                raise TopicRefused(f"topic {name}: {why}")
            few = await _few(admin, [t for t in topics if t.name in there])
        finally:
            await admin.close()
        if few:
            asked = {t.name: t.partitions for t in topics}
            told = ", ".join(f"{name} has {has} of {asked[name]}" for name, has in few.items())
            raise TopicRefused(
                f"topics with too few partitions: {told}; set ODORI_PARTITIONS={min(few.values())},"
                " or give them more while nothing runs: kafka-topics.sh --alter --partitions"
            )

    async def look(self, topics: Sequence[Topic]) -> "Seen":
        """What is there of these topics; nothing is changed. Raises BusError."""
        admin = await self._admin(LOOK_LIMIT_SECONDS)
        try:
            there = set(await admin.list_topics())
            missing = [t for t in topics if t.name not in there]
            return Seen(
                len((await admin.describe_cluster())["brokers"]),
                [t.name for t in missing],
                await _few(admin, [t for t in topics if t.name in there]),
                await _create(admin, missing, dry=True),
            )
        finally:
            await admin.close()

    async def _admin(self, limit_seconds: float | None = None) -> Any:
        seconds = self._wait_seconds if limit_seconds is None else limit_seconds
        loop, said = asyncio.get_running_loop(), limit_seconds is not None
        end = loop.time() + seconds
        while True:
            try:
                admin = AIOKafkaAdminClient(**self._settings)
            except ValueError as error:  # settings that do not go together
                raise ClientRefused(f"Kafka's client says: {error}") from error
            try:
                # one that is connected, and says nothing, would be waited for much longer
                async with asyncio.timeout_at(max(end, loop.time() + CONNECT_TRY_SECONDS)):
                    await admin.start()
                return admin
            except _REFUSALS as error:
                await admin.close()
                raise ClientRefused(f"Kafka at {self.address} refuses us: {error}") from error
            except (KafkaError, TimeoutError) as error:
                await admin.close()
                await self._be_refused()
                if loop.time() + CONNECT_RETRY_SECONDS > end:
                    why = str(error) or "it is silent"
                    raise BusUnreachable(
                        f"no Kafka answers at {self.address}, for {seconds:.0f} s ({why});"
                        " start it, or mend the address in ODORI_KAFKA"
                    ) from error
                if not said:
                    observe("bus.waiting", address=self.address, seconds=seconds)
                    said = True
                await asyncio.sleep(CONNECT_RETRY_SECONDS)

    async def _be_refused(self) -> None:
        """Raise what a broker has against us, which the clients only log while they look for one
        that has not."""
        known = inspect.signature(create_conn).parameters
        how = {name: value for name, value in self._settings.items() if name in known}
        for host, port, _ in collect_hosts(self._settings["bootstrap_servers"]):
            try:
                async with asyncio.timeout(CONNECT_TRY_SECONDS):
                    (await create_conn(host, port, **how)).close()
            except (*_REFUSALS, SSLError) as error:
                raise ClientRefused(
                    f"Kafka at {host}:{port} refuses us: {error}; mend"
                    " ODORI_KAFKA_SECURITY_PROTOCOL, ODORI_KAFKA_SASL_... or ODORI_KAFKA_SSL_..."
                ) from error
            except (KafkaError, OSError, TimeoutError):
                continue


async def _create(admin: Any, topics: Sequence[Topic], dry: bool = False) -> dict[str, str]:
    """Create topics, or only try; those that the brokers refuse, and why."""
    asked = [
        NewTopic(t.name, t.partitions, t.replication, topic_configs=dict(t.config)) for t in topics
    ]
    answer = await admin.create_topics(asked, validate_only=dry) if asked else None
    return {
        name: next(filter(None, reason), for_code(code).__name__)
        for name, code, *reason in (answer.topic_errors if answer else ())
        if for_code(code) not in (NoError, TopicAlreadyExistsError)
    }


async def _few(admin: Any, topics: Sequence[Topic]) -> dict[str, int]:
    """Topics with too few partitions. Never changed here: more would move keys to others."""
    found = await admin.describe_topics([t.name for t in topics]) if topics else []
    partitions = {topic["topic"]: len(topic["partitions"]) for topic in found}
    return {t.name: has for t in topics if (has := partitions.get(t.name, 0)) < t.partitions}
