"""What must hold at rest, whatever happened before; read from the stores, not from the steps."""

import sqlite3
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from typing import TypeVar

from compensations.ledger import Entry
from domains.inventory.rows import Reservation, Stock
from domains.order.rows import Order
from domains.payment.rows import Payment, Wallet
from domains.row import Row
from domains.shipping.rows import Shipment
from streams.envelope import Envelope
from streams.rows import LaneRow, Parked, ParkedHead
from streams.store import Store
from tests.simulation.customers import Customers
from tests.simulation.provider import Provider
from tests.simulation.tally import Tally

R = TypeVar("R", bound=Row)
#: Why a delivery may be dead at the end: its sender's fault.
SENDERS_FAULTS = {
    "InvalidBody", "NotAllowed", "OtherBody", "SchemaError", "UnknownType", "UnknownVersion",
}  # fmt: skip
SHIPPED = ("ARRANGED", "SHIPPED", "DELIVERED")


#: Ledger rows are final, but for done -> undone; the store itself notes whatever else is done.
_WATCH = """
CREATE TABLE IF NOT EXISTS illegal (what TEXT);
CREATE TRIGGER IF NOT EXISTS changed AFTER UPDATE ON "{name}$ledger"
WHEN NOT (OLD.state = 'done' AND NEW.state = 'undone')
BEGIN INSERT INTO illegal VALUES (
    OLD.step || ' of ' || OLD.saga || ': ' || OLD.state || ' -> ' || NEW.state); END;
CREATE TRIGGER IF NOT EXISTS deleted AFTER DELETE ON "{name}$ledger"
BEGIN INSERT INTO illegal VALUES (OLD.step || ' of ' || OLD.saga || ': deleted'); END;
"""


def watch(store: Store) -> None:
    """Have a store write down every illegal change of its ledger."""
    with closing(sqlite3.connect(f"{store.home.name}/{store.place}")) as connection:
        connection.executescript(_WATCH.format(name=store.part.name))


@dataclass
class Ledgers:
    """Every row of every store, at rest."""

    stores: Mapping[str, Store]
    rows: dict[tuple[str, type[Row]], list[Row]] = field(default_factory=dict)
    outboxes: dict[str, list[Envelope]] = field(default_factory=dict)
    illegal: list[str] = field(default_factory=list)

    async def read(self) -> "Ledgers":
        for name, store in self.stores.items():
            async with store.reader.begin() as snapshot:
                for row, codec in store.part.codecs.items():
                    records = await snapshot.scan_all(codec.table)
                    self.rows[name, row] = [codec.decode(record) for record in records]
                said = await snapshot.scan_all(store.part.outbox)
                illegal = await snapshot.query("SELECT what FROM illegal")
                self.illegal += [f"{name}: {what}" for (what,) in illegal]
                self.outboxes[name] = [Envelope.of_row(record.values) for record in said]
        return self

    def of(self, domain: str, row: type[R]) -> list[R]:
        return self.rows[domain, row]  # type: ignore[return-value]


def faults(
    ledgers: Ledgers, customers: Customers, provider: Provider, seen: set[tuple[str, str]] | None
) -> Iterator[str]:
    """Everything that does not add up."""
    yield from (f"an illegal change of the ledger of {what}" for what in ledgers.illegal)
    yield from _of_stock(ledgers, customers)
    yield from _of_money(ledgers, customers, provider)
    yield from _of_orders(ledgers, customers)
    yield from _of_announcements(ledgers, seen)
    yield from _of_parked(ledgers)


def _of_stock(ledgers: Ledgers, customers: Customers) -> Iterator[str]:
    kept: Counter[str] = Counter()
    gone: Counter[str] = Counter()
    for reservation in ledgers.of("inventory", Reservation):
        book = {"COMMITTED": gone, "RESERVED": kept, "HELD": kept}.get(reservation.status)
        for item in reservation.items if book is not None else ():
            book[item.product_id] += item.quantity  # type: ignore[index]
    for stock in ledgers.of("inventory", Stock):
        name = stock.product_id
        there = stock.available_quantity + stock.reserved_quantity
        if stock.initial + stock.replenished != there + stock.committed:
            yield f"stock of {name} does not add up: {stock}"
        if stock.available_quantity < 0 or stock.quantity != there:
            yield f"stock of {name} is impossible: {stock}"
        if (stock.reserved_quantity, stock.committed) != (kept[name], gone[name]):
            yield f"stock of {name}: {kept[name]} kept and {gone[name]} gone, but {stock}"
        if stock.replenished != customers.replenished[name]:
            yield f"stock of {name}: {customers.replenished[name]} delivered, but {stock}"
        if stock.reserved_quantity:
            yield f"stock of {name} is held at rest: {stock}"


def _of_money(ledgers: Ledgers, customers: Customers, provider: Provider) -> Iterator[str]:
    spent: Counter[str] = Counter()
    back: Counter[str] = Counter()
    for payment in ledgers.of("payment", Payment):
        done = payment.status in ("COMPLETED", "REFUNDED")
        if payment.payment_method == "wallet":
            spent[payment.customer_id] += payment.amount if done else 0
            back[payment.customer_id] += payment.amount if payment.status == "REFUNDED" else 0
        else:
            yield from _of_card(payment, provider)
    for wallet in ledgers.of("payment", Wallet):
        name = wallet.customer_id
        if wallet.opening + wallet.topped_up + wallet.refunded != wallet.balance + wallet.charged:
            yield f"wallet of {name} does not add up: {wallet}"
        if (wallet.charged, wallet.refunded) != (spent[name], back[name]) or wallet.balance < 0:
            yield f"wallet of {name}: {spent[name]} paid, {back[name]} returned, but {wallet}"
        if wallet.topped_up != customers.topped_up[name]:
            yield f"wallet of {name}: {customers.topped_up[name]} paid in, but {wallet}"


def _of_card(payment: Payment, provider: Provider) -> Iterator[str]:
    order = payment.order_id
    taken, returned = provider.charged.get(order, 0), provider.refunded.get(order, 0)
    expected = {"COMPLETED": (payment.amount, 0), "REFUNDED": (payment.amount, payment.amount)}
    if (taken, returned) != expected.get(payment.status, (0, 0)):
        yield f"card of {order}: {taken} taken, {returned} returned, but it is {payment.status}"
    if payment.status in ("REQUESTED", "VOIDING", "REFUNDING"):
        yield f"card of {order} is {payment.status} at rest"


def _of_orders(ledgers: Ledgers, customers: Customers) -> Iterator[str]:
    shipped = {s.order_id for s in ledgers.of("shipping", Shipment) if s.status in SHIPPED}
    gone = {r.order_id for r in ledgers.of("inventory", Reservation) if r.status == "COMMITTED"}
    paid = {p.order_id for p in ledgers.of("payment", Payment) if p.status == "COMPLETED"}
    orders = {order.order_id: order for order in ledgers.of("order", Order)}
    for order_id in sorted(customers.accepted - orders.keys()):
        yield f"{order_id} was accepted, and there is no such order"
    refused = {e.saga for e in ledgers.of("order", Entry) if e.step == "place"} - orders.keys()
    for order_id in sorted(customers.orders.keys() - orders.keys() - refused):
        if order_id in customers.promised:
            yield f"{order_id} was sent, and nobody has handled it"
    for name, order in orders.items():
        confirmed = order.status == "CONFIRMED"
        if order.status == "PLACED":
            yield f"{name} has not ended: {order.steps}"
        if confirmed != (name in shipped) or confirmed != (name in gone):
            yield f"{name} is {order.status}, shipped {name in shipped}, gone {name in gone}"
        if name in paid and not confirmed:
            yield f"{name} is {order.status}, and paid"


def _of_announcements(ledgers: Ledgers, seen: set[tuple[str, str]] | None) -> Iterator[str]:
    for name, announced in ledgers.outboxes.items():
        rows = {lane.lane: lane for lane in ledgers.of(name, LaneRow)}
        numbers: dict[str, list[int]] = {lane: [] for lane in rows}
        said = {(envelope.topic, envelope.id) for envelope in announced}
        for topic, id_ in sorted(seen or ()):
            if id_.startswith(f"{name}-") and (topic, id_) not in said:
                yield f"{id_} was published, and never committed"
        for envelope in announced:
            numbers[envelope.source.rpartition("/")[2]].append(envelope.sequence)
            if seen is not None and (envelope.topic, envelope.id) not in seen:
                yield f"{envelope.id} ({envelope.type}) was never published"
        for lane, sequences in numbers.items():
            if sequences != list(range(1, rows[lane].next)):
                yield f"lane {lane} has holes: {sequences} below {rows[lane].next}"
    ends = Counter(
        (e.saga, e.type) for e in ledgers.outboxes["order"] if e.type.split(".")[2] in ENDS
    )
    yield from (f"{saga}: {type_} was said {n} times" for (saga, type_), n in ends.items() if n > 1)
    for tally in ledgers.of("tally", Tally):
        if tally.runs != 1:
            yield f"{tally.order_id}: {tally.heard} was counted {tally.runs} times"


ENDS = ("OrderPlaced", "OrderConfirmed", "OrderCancelled")


def _of_parked(ledgers: Ledgers) -> Iterator[str]:
    for (domain, row), rows in ledgers.rows.items():
        if row is ParkedHead:
            yield from (f"{domain}: {head} is left over" for head in rows)
        elif row is Parked:
            for parked in rows:
                assert isinstance(parked, Parked)
                if parked.state == "waiting" or parked.exception not in SENDERS_FAULTS:
                    yield f"{domain}: {parked.type} of {parked.saga} is {parked.state}"
