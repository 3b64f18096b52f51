"""The books across stores, which hold at rest: every order ended, and holds what its end allows."""

from infra.engine.several import Several
from streams.books.inside import DIFFERENCES_MAX_COUNT, Difference

#: Every order with its reservation, payment and shipment, each found by its primary key.
_ORDERS = """
    SELECT o.order_id AS id, o.status AS status, r.status AS stock, p.status AS money,
      s.status AS parcel, o.total_amount AS amount, p.amount AS paid
    FROM "order$order" o
    LEFT JOIN "inventory$reservation" r ON r.order_id = o.order_id AND r.status <> 'HELD'
    LEFT JOIN "payment$payment" p
      ON p.customer_id = o.customer_id AND p.order_id = o.order_id
    LEFT JOIN "shipping$shipment" s ON s.order_id = o.order_id AND s.prefecture = coalesce(
      json_extract(o.shipping_address, '$.prefecture'),
      json_extract(o.shipping_address, '$.country'))
"""

#: (order, what, expected, found); `orders` are the rows above. A hold is a saga of its own.
_ENDS = """
    SELECT id, 'every order has an end', 'CONFIRMED or CANCELLED', status
      FROM orders WHERE status NOT IN ('CONFIRMED', 'CANCELLED')
    UNION ALL
    SELECT id, 'a confirmed order has its stock', 'COMMITTED', coalesce(stock, 'nothing')
      FROM orders WHERE status = 'CONFIRMED' AND coalesce(stock, '') <> 'COMMITTED'
    UNION ALL
    SELECT id, 'a confirmed order was paid', 'COMPLETED or REFUNDED', coalesce(money, 'nothing')
      FROM orders WHERE status = 'CONFIRMED'
      AND coalesce(money, '') NOT IN ('COMPLETED', 'REFUNDED')
    UNION ALL
    SELECT id, 'a confirmed order is shipping', 'ARRANGED', coalesce(parcel, 'nothing')
      FROM orders WHERE status = 'CONFIRMED'
      AND coalesce(parcel, '') NOT IN ('ARRANGED', 'SHIPPED', 'DELIVERED')
    UNION ALL
    SELECT id, 'a cancelled order holds no stock', 'nothing', stock
      FROM orders WHERE status = 'CANCELLED' AND stock IN ('RESERVED', 'COMMITTED')
    UNION ALL
    SELECT id, 'a cancelled order holds no money', 'nothing', money
      FROM orders WHERE status = 'CANCELLED'
      AND money NOT IN ('DECLINED', 'VOIDED', 'REFUNDED')
    UNION ALL
    SELECT id, 'a cancelled order is not shipping', 'nothing', parcel
      FROM orders WHERE status = 'CANCELLED' AND parcel NOT IN ('STOPPED', 'REFUSED')
"""
_PAID = (
    "SELECT id, 'what is paid is what was ordered', amount, paid FROM orders WHERE paid <> amount"
)

#: What belongs to no order.
_STRAYS = """
    SELECT order_id, 'a reservation has an order', 'an order', status
      FROM "inventory$reservation" r WHERE status IN ('RESERVED', 'COMMITTED')
      AND NOT EXISTS (SELECT 1 FROM "order$order" o WHERE o.order_id = r.order_id)
    UNION ALL
    SELECT order_id, 'a payment has an order', 'an order', status
      FROM "payment$payment" p
      WHERE NOT EXISTS (SELECT 1 FROM "order$order" o WHERE o.order_id = p.order_id)
    UNION ALL
    SELECT order_id, 'a shipment has an order', 'an order', status
      FROM "shipping$shipment" s
      WHERE NOT EXISTS (SELECT 1 FROM "order$order" o WHERE o.order_id = s.order_id)
"""

#: The stores that these books are about.
STORES = frozenset({"order", "inventory", "payment", "shipping"})


def across(several: Several, sagas: set[str]) -> tuple[list[Difference], set[str]]:
    """What does not balance between the stores, and which of `sagas` (those with a dead delivery)
    are unfinished for that reason."""
    differences: list[Difference] = []
    unfinished: set[str] = set()
    orders = f"WITH orders AS ({_ORDERS})"
    for sql in (f"{orders} {_ENDS}", f"{orders} {_PAID}", _STRAYS):
        for key, what, expected, found in several.rows(sql):
            if key in sagas:
                unfinished.add(key)
            elif len(differences) < DIFFERENCES_MAX_COUNT:
                differences.append(Difference("order", key, what, expected, found))
    return differences, unfinished
