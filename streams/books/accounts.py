"""What the messages say, and what the rows say, as amounts in accounts: one query for each domain.

SQLite and PostgreSQL read the same text: infra/engine/postgres/plain.py says what both understand.

An account is (book, key, name), such as (stock, tea, reserved). What the messages say only ever
adds up, message by message, so that the sums of messages that were pruned can be carried forward.
"""

#: `said(name, body)` are the messages of the store: (book, key, name, amount) of each.
#: A message that names a reservation only (released, committed) stands for its row's items; a
#: product listed by a message of version 1, which did not say how many, for its row's number.
SAID = {
    "inventory": """
        SELECT 'stock', json_extract(body, '$.productId'), 'initial', coalesce(
          CAST(json_extract(body, '$.quantity') AS BIGINT),
          (SELECT initial FROM "inventory$stock" WHERE category = json_extract(body, '$.category')
             AND product_id = json_extract(body, '$.productId')))
        FROM said WHERE name = 'ProductListed'
        UNION ALL
        SELECT 'stock', json_extract(body, '$.productId'), 'replenished',
          CAST(json_extract(body, '$.quantity') AS BIGINT)
        FROM said WHERE name = 'StockReplenished'
        UNION ALL
        SELECT 'stock', json_extract(item.value, '$.productId'), account.column1,
          CAST(json_extract(item.value, '$.quantity') AS BIGINT) * CASE
            WHEN account.column1 = 'committed' OR name IN ('StockReserved', 'StockHeld') THEN 1
            ELSE -1 END
        FROM (
          SELECT name, coalesce(
            json_extract(body, '$.items'),
            (SELECT items FROM "inventory$reservation"
             WHERE order_id = json_extract(body, '$.orderId'))) AS items
          FROM said WHERE name IN ('StockReserved', 'StockHeld', 'HoldReleased', 'StockReleased',
            'StockCommitted')
        ) moved, json_each(moved.items) item, (VALUES ('reserved'), ('committed')) account
        WHERE account.column1 = 'reserved' OR name = 'StockCommitted'
    """,
    "payment": """
        SELECT CASE WHEN wallet THEN 'wallet' ELSE 'card' END,
          CASE WHEN wallet THEN customer ELSE currency END,
          CASE name
            WHEN 'WalletOpened' THEN 'opening' WHEN 'WalletToppedUp' THEN 'topped up'
            WHEN 'PaymentCompleted' THEN CASE WHEN wallet THEN 'charged' ELSE 'completed' END
            WHEN 'RefundRequested' THEN 'refunds asked' ELSE 'refunded' END,
          CAST(replace(amount, '.', '') AS BIGINT)
        FROM (
          SELECT name, json_extract(body, '$.customerId') AS customer,
            json_extract(body, '$.currency') AS currency,
            coalesce(json_extract(body, '$.paymentMethod'), 'wallet') = 'wallet' AS wallet,
            CASE name WHEN 'WalletOpened' THEN json_extract(body, '$.balance')
              ELSE json_extract(body, '$.amount') END AS amount
          FROM said WHERE name IN ('WalletOpened', 'WalletToppedUp', 'PaymentCompleted',
            'PaymentRefunded', 'RefundRequested')
        ) paid
    """,
    "shipping": """
        SELECT 'shipments', 'all', 'arranged', 1 FROM said WHERE name = 'ShipmentArranged'
    """,
    "order": """
        SELECT 'orders', 'all', lower(substr(name, 6)), 1
        FROM said WHERE name IN ('OrderPlaced', 'OrderConfirmed', 'OrderCancelled')
    """,
}

#: The same accounts, from the domain's own rows.
KEPT = {
    "inventory": """
        SELECT 'stock', product_id, account.column1,
          CASE account.column1 WHEN 'initial' THEN initial WHEN 'replenished' THEN replenished
          WHEN 'reserved' THEN reserved_quantity ELSE committed END
        FROM "inventory$stock",
          (VALUES ('initial'), ('replenished'), ('reserved'), ('committed')) account
    """,
    # A card that was charged after its order had ended was never announced as completed.
    "payment": """
        SELECT 'wallet', customer_id, account.column1,
          CASE account.column1 WHEN 'opening' THEN opening
          WHEN 'topped up' THEN topped_up WHEN 'charged' THEN charged ELSE refunded END
        FROM "payment$wallet",
          (VALUES ('opening'), ('topped up'), ('charged'), ('refunded')) account
        UNION ALL
        SELECT 'card', currency, account.column1, amount
        FROM "payment$payment" p,
          (VALUES ('completed'), ('refunds asked'), ('refunded')) account
        WHERE payment_method = 'card' AND CASE account.column1
          WHEN 'refunded' THEN status = 'REFUNDED'
          WHEN 'refunds asked' THEN status IN ('REFUNDING', 'REFUNDED')
          ELSE status IN ('COMPLETED', 'REFUNDING', 'REFUNDED') AND NOT EXISTS (
            SELECT 1 FROM "payment$payment_history" h WHERE h.customer_id = p.customer_id
              AND h.order_id = p.order_id AND h.status = 'VOIDING') END
    """,
    "shipping": """
        SELECT 'shipments', 'all', 'arranged', 1 FROM "shipping$shipment"
        WHERE status IN ('ARRANGED', 'SHIPPED', 'DELIVERED')
    """,
    "order": """
        SELECT 'orders', 'all', 'placed', 1 FROM "order$order"
        UNION ALL
        SELECT 'orders', 'all', lower(status), 1 FROM "order$order" WHERE status <> 'PLACED'
    """,
}

#: What must hold in each row: (book, key, what, expected, found) of those where it does not.
LAWS = {
    "inventory": """
        SELECT 'stock', product_id,
          'initial + replenished = available + reserved + committed', initial + replenished,
          available_quantity + reserved_quantity + committed
        FROM "inventory$stock"
        WHERE initial + replenished <> available_quantity + reserved_quantity + committed
        UNION ALL
        SELECT 'stock', product_id, 'quantity = available + reserved', quantity,
          available_quantity + reserved_quantity
        FROM "inventory$stock" WHERE quantity <> available_quantity + reserved_quantity
        UNION ALL
        SELECT 'stock', product_id, 'nothing is below zero', 0,
          CASE WHEN available_quantity < 0 THEN available_quantity
            WHEN reserved_quantity < 0 THEN reserved_quantity ELSE committed END
        FROM "inventory$stock"
        WHERE available_quantity < 0 OR reserved_quantity < 0 OR committed < 0
    """,
    "payment": """
        SELECT 'wallet', customer_id, 'opening + topped up + refunded = balance + charged',
          opening + topped_up + refunded, balance + charged
        FROM "payment$wallet" WHERE opening + topped_up + refunded <> balance + charged
        UNION ALL
        SELECT 'wallet', customer_id, 'nothing is below zero', 0, balance
        FROM "payment$wallet" WHERE balance < 0
    """,
    "order": """
        SELECT 'order', order_id, 'is there once', 1, count(*)
        FROM "order$order" GROUP BY order_id HAVING count(*) > 1
        UNION ALL
        SELECT 'order', l.saga, 'accepted, so it is there', 1, 0 FROM "order$ledger" l
        WHERE l.step = 'place' AND l.state IN ('done', 'undone')
          AND NOT EXISTS (SELECT 1 FROM "order$order" o WHERE o.order_id = l.saga)
        UNION ALL
        SELECT 'order', o.order_id, 'is there, so it was accepted', 1, 0 FROM "order$order" o
        WHERE NOT EXISTS (SELECT 1 FROM "order$ledger" l WHERE l.saga = o.order_id
          AND l.step = 'place' AND l.state IN ('done', 'undone'))
        UNION ALL
        SELECT 'order', json_extract(body, '$.orderId'), 'was announced, so it is there', 1, 0
        FROM said WHERE name = 'OrderPlaced' AND NOT EXISTS (
          SELECT 1 FROM "order$order" o WHERE o.order_id = json_extract(body, '$.orderId'))
        UNION ALL
        SELECT 'order', json_extract(body, '$.orderId'), 'was announced once', 1, count(*)
        FROM said WHERE name = 'OrderPlaced'
        GROUP BY json_extract(body, '$.orderId') HAVING count(*) > 1
    """,
}


#: No accounts, but their columns by name.
NOTHING = "SELECT '' AS book, '' AS key, '' AS name, 0 AS amount WHERE 1 = 0"


def said(domain: str, where: str = "") -> str:
    """The common table `said(name, body)` of a store's messages (rows of its outbox)."""
    start = len(f"odori.{domain}.") + 1
    return f"""said(name, body) AS (
        SELECT substr(type, {start}, instr(substr(type, {start}), '.') - 1), payload
        FROM "{domain}$outbox" {where})"""
