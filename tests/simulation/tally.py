"""A domain that exists only here; its one step is not idempotent: it counts its runs."""

from compensations.ledger import Entry
from domains.domain import Domain, Step
from domains.row import Row
from domains.tx import Tx
from schemas.inventory import StockReleased, StockReserved
from schemas.message import Message
from schemas.order import OrderCancelled, OrderConfirmed, OrderPlaced
from schemas.payment import PaymentCompleted
from schemas.shipping import ShipmentArranged, ShipmentRefused
from streams.codec import Codec
from streams.rows import MACHINERY, outbox_table
from streams.topology import Part, Route, Topology

HEARD = (
    OrderPlaced, StockReserved, StockReleased, PaymentCompleted, ShipmentArranged, OrderConfirmed,
    OrderCancelled, ShipmentRefused,
)  # fmt: skip


class Tally(Row, partition=("order_id",), clustering=("heard",)):
    """How often the step ran for this order and this message."""

    order_id: str
    heard: str
    runs: int


def tallied(topology: Topology) -> Topology:
    """The same system with one more domain, which is no folder."""
    step = Step("tally", "count", count, HEARD, (), subject=lambda e: type(e).__name__)
    routes: dict[type[Message], Route] = {message: Route((step,), ()) for message in HEARD}
    kept: tuple[type[Row], ...] = (Tally, Entry, *MACHINERY)
    part = Part(
        "tally", Domain("tally"), (Tally,), routes, {row: Codec("tally", row) for row in kept},
        outbox_table("tally"), tuple(sorted({m.spec.topic for m in HEARD})),
        frozenset(w for w, (cls, _) in topology.catalogue.by_type.items() if cls not in routes),
    )  # fmt: skip
    return Topology(topology.catalogue, {**topology.parts, "tally": part})


def count(event: Message, tx: Tx) -> None:
    """One more than before."""
    order_id, heard = event.spec.saga(event), type(event).__name__
    row = tx.get(Tally, order_id, heard)
    tx.put(Tally(order_id=order_id, heard=heard, runs=row.runs + 1 if row else 1))
