"""A shop of all four domains, its provider played by hand, and its books."""

from random import Random
from typing import Any

from domains.inventory.rows import Reservation, Stock
from domains.order.rows import Order
from domains.payment.rows import Payment, Wallet
from domains.shipping.rows import Shipment
from schemas.order import CancelOrder
from schemas.payment import SettleCharge, SettleRefund
from tests.given import Dance, Stage
from tests.trade import listings, shelves, sunken, wallet


def shop(chance: Random | None = None, available: int = 10, balance: int = 10_000) -> Dance:
    """Three products, two customers, one place that is not served."""
    stages = (
        Stage("order", *listings()),
        Stage("inventory", *shelves(available)),
        Stage("payment", *[wallet(balance, customer=name) for name in ("ann", "bob")]),
        Stage("shipping", sunken()),
    )
    return Dance(stages, chance)


def cancel(order_id: str = "O-1", request: str = "r1") -> CancelOrder:
    """Ann changes her mind."""
    return CancelOrder(order_id=order_id, customer_id="ann", request_id=request)


def connect(dance: Dance) -> None:
    """A provider's connector, played by hand: it answers by the row, as its contract says."""
    for payment in dance.stages["payment"].rows(Payment):
        who: dict[str, Any] = {"order_id": payment.order_id, "customer_id": payment.customer_id}
        if payment.status in ("REQUESTED", "VOIDING"):
            happened = payment.status == "REQUESTED" or payment.attempted
            dance.send(SettleCharge(**who, outcome="approved" if happened else "not_charged"))
        elif payment.status == "REFUNDING":
            dance.send(SettleRefund(**who))


def check_the_books(dance: Dance) -> None:
    """Nothing was lost, sold twice or kept for an order that ended."""
    inventory, payment = dance.stages["inventory"], dance.stages["payment"]
    for stock in inventory.rows(Stock):
        held = stock.available_quantity + stock.reserved_quantity
        assert stock.initial + stock.replenished == held + stock.committed
        assert stock.quantity == held
        assert stock.available_quantity >= 0
        assert stock.reserved_quantity == 0, "at rest nothing waits"
    for money in payment.rows(Wallet):
        assert money.opening + money.topped_up + money.refunded == money.balance + money.charged
    shipments = {row.order_id: row.status for row in dance.stages["shipping"].rows(Shipment)}
    paid = {row.order_id: row.status for row in payment.rows(Payment)}
    kept = {row.order_id: row.status for row in inventory.rows(Reservation)}
    for order in dance.stages["order"].rows(Order):
        shipped = shipments.get(order.order_id) in ("ARRANGED", "SHIPPED", "DELIVERED")
        assert order.status == ("CONFIRMED" if shipped else "CANCELLED")
        assert (kept.get(order.order_id) == "COMMITTED") is shipped
        assert (paid.get(order.order_id) == "COMPLETED") <= shipped, "who paid is shipped to"
