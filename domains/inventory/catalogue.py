"""The catalogue and what is on the shelves: listing, prices, replenishment."""

from typing import Any

from domains.domain import Address
from domains.inventory import domain
from domains.inventory.rows import Shelf, Stock
from domains.tx import Tx
from schemas.inventory import (
    ChangePrice,
    ListProduct,
    PriceChanged,
    ProductFacts,
    ProductListed,
    ProductRefused,
    Replenish,
    StockReplenished,
)
from schemas.money import to_amount, to_minor


def _shelf(event: ChangePrice | Replenish) -> list[Address]:
    return [Shelf.address(event.product_id)]


@domain.step(reads=lambda e: [Shelf.address(e.product_id), Stock.address(e.category, e.product_id)])
def list_product(event: ListProduct, tx: Tx) -> ProductListed | ProductRefused:
    """Put a product on the shelves, once."""
    if tx.get(Shelf, event.product_id) is not None:
        return ProductRefused(product_id=event.product_id, reason="listed")
    stock = Stock(
        category=event.category, product_id=event.product_id, product_name=event.product_name,
        quantity=event.quantity, reserved_quantity=0, available_quantity=event.quantity,
        unit_price=to_minor(event.unit_price, event.currency), currency=event.currency,
        low_stock_threshold=event.low_stock_threshold, last_updated=tx.now,
        initial=event.quantity,
    )  # fmt: skip
    tx.put(stock)
    tx.put(Shelf(product_id=event.product_id, category=event.category))
    return ProductListed(**_facts(stock), quantity=stock.initial)


@domain.step(reads=_shelf, subject=lambda e: e.request_id)
def change_price(event: ChangePrice, tx: Tx) -> PriceChanged | ProductRefused:
    """Sell at another price from now on; orders keep the price they were placed at."""
    stock = _stock(event, tx)
    if stock is None:
        return ProductRefused(product_id=event.product_id, reason="unknown")
    if stock.currency != event.currency:
        return ProductRefused(product_id=event.product_id, reason="currency")
    stock = stock.but(
        unit_price=to_minor(event.unit_price, event.currency), last_updated=tx.now,
        revision=stock.revision + 1,
    )  # fmt: skip
    tx.put(stock)
    return PriceChanged(**_facts(stock))


@domain.step(reads=_shelf, subject=lambda e: e.request_id)
def replenish(event: Replenish, tx: Tx) -> StockReplenished | ProductRefused:
    """More has arrived."""
    stock = _stock(event, tx)
    if stock is None:
        return ProductRefused(product_id=event.product_id, reason="unknown")
    available = stock.available_quantity + event.quantity
    tx.put(
        stock.but(
            quantity=stock.quantity + event.quantity, available_quantity=available,
            replenished=stock.replenished + event.quantity, last_updated=tx.now,
            low=stock.low and available < stock.low_stock_threshold,
        )
    )  # fmt: skip
    return StockReplenished(
        product_id=stock.product_id, category=stock.category, request_id=event.request_id,
        quantity=event.quantity, available_quantity=available,
    )  # fmt: skip


def _stock(event: ChangePrice | Replenish, tx: Tx) -> Stock | None:
    shelf = tx.get(Shelf, event.product_id)
    return None if shelf is None else tx.get(Stock, shelf.category, shelf.product_id)


def _facts(stock: Stock) -> dict[str, Any]:
    facts = {name: getattr(stock, name) for name in ProductFacts.model_fields}
    return facts | {"unit_price": to_amount(stock.unit_price, stock.currency)}
