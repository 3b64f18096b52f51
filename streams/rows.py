"""The rows that the machinery keeps in every domain's store, beside the domain's own."""

from datetime import datetime
from typing import Self

from domains.row import Row
from infra.engine.table import Table, Type
from schemas.message import Timer

#: All timers of a store lie in one partition; a store that spreads them adds shards.
TIMER_SHARD = 0


class TimerDue(Row, partition=("shard",), clustering=("due", "saga", "type"), table="timers"):
    """A delivery that comes back when `due` (epoch ms) has passed."""

    shard: int
    due: int
    saga: str
    type: str
    payload: str
    cause: str = ""
    traceparent: str = ""

    @classmethod
    def place(cls, timer: Timer, due: datetime) -> tuple[int, int, str, str]:
        """The primary key of a timer."""
        spec = timer.spec
        return TIMER_SHARD, round(due.timestamp() * 1000), spec.saga(timer), spec.wire

    @classmethod
    def of(cls, timer: Timer, due: datetime, cause: str, traceparent: str) -> Self:
        """The row of a timer, with the message that set it and the trace that it belongs to."""
        _, at, saga, wire = cls.place(timer, due)
        return cls.trusted(
            {
                "shard": TIMER_SHARD, "due": at, "saga": saga, "type": wire,
                "payload": timer.payload().decode(), "cause": cause, "traceparent": traceparent,
            }
        )  # fmt: skip


class ParkedHead(Row, partition=("saga",)):
    """A saga whose deliveries wait in line: the numbers of the first and the last of them."""

    saga: str
    first: int
    last: int


class Parked(Row, partition=("saga",), clustering=("source", "id")):
    """One delivery that waits for its retry, waits behind another, or is dead.

    `state` is waiting, dead or (put back by a person) waiting again; `number` is its place in the
    saga's line; `replays` counts put-backs, a guard against loops.
    """

    saga: str
    source: str
    id: str
    number: int
    state: str
    due: datetime | None
    attempts: int
    replays: int
    type: str
    topic: str
    partition: int
    offset: int
    raw_key: bytes | None
    raw_value: bytes | None
    raw_headers: bytes
    reason: str
    exception: str | None
    error: str
    trace: str | None
    at: datetime
    note: str | None = None


class Idempotent(Row, partition=("client",), clustering=("key_",), table="idempotency"):
    """The stored answer to one Idempotency-Key of one client."""

    client: str
    key_: str
    digest: str
    status: int
    answer: str
    at: datetime


class Position(Row, partition=("subscriber",), clustering=("publisher", "lane"), table="positions"):
    """How far a subscriber of this store has heard one lane of a domain (embedded bus)."""

    subscriber: str
    publisher: str
    lane: str
    sequence: int


class LaneRow(Row, partition=("lane",), table="lanes"):
    """A writer's numbered range of outbox rows: `published` <= everything acknowledged < `next`."""

    lane: str
    owner: str
    state: str
    next: int
    published: int
    beat: int


class Carried(Row, partition=("book",), clustering=("key_", "name"), table="carried"):
    """What messages said that are pruned: the amount of one account of the books, brought forward
    in the transaction that deleted them."""

    book: str
    key_: str
    name: str
    amount: int


class Meta(Row, partition=("name",)):
    """A number that the store as a whole has, such as the epoch of its consumer groups."""

    name: str
    value: int


class TableVersion(Row, partition=("table",), table="versions"):
    """The version of a table's rows, and how far (its last key, as JSON) the next one has got."""

    table: str
    version: int
    reached: str | None = None


#: The machinery's rows that every store has; the outbox is written without a row class.
MACHINERY: tuple[type[Row], ...] = (
    TimerDue,
    ParkedHead,
    Parked,
    Idempotent,
    Position,
    LaneRow,
    Carried,
    Meta,
    TableVersion,
)


def outbox_table(namespace: str) -> Table:
    """Insert-only announcements, in the columns that Debezium's outbox router reads."""
    text = Type.TEXT
    columns = {
        "lane": text, "sequence": Type.BIGINT, "id": text, "aggregatetype": text,
        "aggregateid": text, "type": text, "payload": text, "headers": text,
    }  # fmt: skip
    return Table(namespace, "outbox", columns, ("lane",), ("sequence",))
