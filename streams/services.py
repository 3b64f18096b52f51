"""What the services of a setting say of themselves, and what they lack for Odori to run on them."""

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from infra.bus.errors import BusError
from infra.engine.errors import EngineError
from infra.settings import Settings
from streams.bus import TopicSpec
from streams.home import Home, without_password
from streams.shared_home import POSTGRES_MIN_VERSION

_POSTGRES = """SELECT current_setting('server_version_num')::int / 10000,
current_setting('server_version'), current_user::text,
has_database_privilege(current_database(), 'CREATE'),
coalesce((SELECT string_agg(nspname::text, ', ' ORDER BY nspname) FROM pg_namespace
WHERE nspname !~ '^(pg_|information_schema)' AND NOT (has_schema_privilege(oid, 'CREATE')
AND has_schema_privilege(oid, 'USAGE'))), ''),
current_setting('wal_level')"""


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at; `mend` says what to do where something is to be done."""

    service: str
    said: str
    mend: str = ""

    def __str__(self) -> str:
        return f"{self.service}: {self.said}" + (f"; {self.mend}" if self.mend else "")


def stores(settings: Settings, home: Home) -> Iterator[Finding]:
    """The stores: reachable, at what version, with what permissions."""
    if not settings.store or settings.store.startswith("sqlite:"):
        yield Finding(f"SQLite in {home.name}", f"version {sqlite3.sqlite_version}")
        return
    try:
        with home.several() as several, several.snapshot():
            [(number, version, user, may_create, closed, wal_level)] = several.rows(_POSTGRES)
    except EngineError as error:
        mend = "start it, or mend the address, user or password in ODORI_STORE"
        yield Finding(home.name, f"does not answer: {without_password(str(error))}", mend)
        return
    old = int(number) < POSTGRES_MIN_VERSION
    mend = f"upgrade it to {POSTGRES_MIN_VERSION} or newer" if old else ""
    yield Finding(home.name, f"PostgreSQL {version}", mend)
    if not may_create:
        grant = f"GRANT CREATE ON DATABASE ... TO {user}"
        yield Finding(home.name, f"{user} may not make schemas", f"let its owner run: {grant}")
    if closed:
        grant = f"GRANT USAGE, CREATE ON SCHEMA ... TO {user}"
        yield Finding(home.name, f"{user} may not use {closed}", f"let its owner run: {grant}")
    if settings.relay == "off" and wal_level != "logical":
        mend = "for Debezium run ALTER SYSTEM SET wal_level = logical, and restart it"
        why = f"wal_level is {wal_level}, and with ODORI_RELAY=off others read its log"
        yield Finding(home.name, why, mend)


async def brokers(settings: Settings, specs: Sequence[TopicSpec]) -> list[Finding]:
    """Kafka: reachable, and its topics as the settings want them; a dry run creates the rest."""
    from infra.bus.kafka.connection import Connection
    from streams.kafka_bus import topic

    name = f"Kafka at {settings.kafka}"
    try:
        connection = Connection(settings.kafka, settings.kafka_client)
        seen = await connection.look([topic(spec) for spec in specs])
    except BusError as error:
        said, _, mend = str(error).partition("; ")
        return [Finding(name, said, mend or "mend what ODORI_KAFKA_... says")]
    found = [Finding(name, f"{seen.brokers} broker{'s' if seen.brokers > 1 else ''}")]
    if settings.replication > seen.brokers:
        wanted = f"ODORI_REPLICATION={settings.replication} needs as many brokers"
        found.append(Finding(name, wanted, "start them, or lower it"))
    for why in dict.fromkeys(seen.refused.values()):
        topics = ", ".join(what for what, other in seen.refused.items() if other == why)
        mend = "mend the setting, or let an administrator create them"
        found.append(Finding(name, f"would not create {topics}: {why.rstrip('.')}", mend))
    if missing := [what for what in seen.missing if what not in seen.refused]:
        found.append(Finding(name, f"lacks {', '.join(missing)}", "a start creates them"))
    for what, has in seen.few.items():
        mend = "kafka-topics.sh --alter --partitions makes more; keys then move to others"
        found.append(Finding(name, f"{what} has {has} of {settings.partitions} partitions", mend))
    return found
