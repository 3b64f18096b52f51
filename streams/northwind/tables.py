"""Northwind's tables as they were published, read into exact types."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_EVEN, Decimal
from importlib.resources import files

CENT = Decimal("0.01")
#: What Northwind trades in.
CURRENCY = "USD"


@dataclass(frozen=True)
class Line:
    """One line of an order; `unit_price` in cents, its discount taken off."""

    product_id: str
    quantity: int
    unit_price: int


@dataclass(frozen=True)
class Trade:
    """One of the 830 orders."""

    number: int
    customer_id: str
    ordered: date
    days_to_ship: int | None
    shipper: str
    ship_to: dict[str, str]
    lines: tuple[Line, ...]

    @property
    def total(self) -> int:
        return sum(line.quantity * line.unit_price for line in self.lines)

    @property
    def destination(self) -> str:
        """The partition of its shipment: the region, or the country where there is none."""
        return self.ship_to["ship_region"] or self.ship_to["ship_country"]


@dataclass(frozen=True)
class Product:
    """One of the 77 products; `unit_price` in cents."""

    product_id: str
    name: str
    category: str
    unit_price: int
    units_in_stock: int
    reorder_level: int


def cents(written: str) -> int:
    """A price as it was meant: the file has 32-bit floats (34.7999992 is 34.80)."""
    return int(Decimal(written).quantize(CENT, ROUND_HALF_EVEN) * 100)


def discounted(unit_price: str, discount: str) -> int:
    """Cents per unit after the line's discount, rounded half to even once per line."""
    share = 1 - Decimal(discount).quantize(CENT, ROUND_HALF_EVEN)
    return int((cents(unit_price) * share).quantize(Decimal(1), ROUND_HALF_EVEN))


def products() -> list[Product]:
    """The catalogue, with the names of its categories."""
    categories = {row["category_id"]: row["category_name"] for row in _rows("categories")}
    return [
        Product(
            row["product_id"], row["product_name"], categories[row["category_id"]],
            cents(row["unit_price"]), int(row["units_in_stock"]), int(row["reorder_level"]),
        )
        for row in _rows("products")
    ]  # fmt: skip


def customers() -> list[str]:
    """The ids of the customers."""
    return [row["customer_id"] for row in _rows("customers")]


def trades() -> list[Trade]:
    """The orders, in date order."""
    lines: dict[str, list[Line]] = {}
    for row in _rows("order_details"):
        line = Line(
            row["product_id"],
            int(row["quantity"]),
            discounted(row["unit_price"], row["discount"]),
        )
        lines.setdefault(row["order_id"], []).append(line)
    shippers = {row["shipper_id"]: row["company_name"] for row in _rows("shippers")}
    found = [_trade(row, shippers, lines[row["order_id"]]) for row in _rows("orders")]
    return sorted(found, key=lambda trade: (trade.ordered, trade.number))


def _trade(row: dict[str, str], shippers: dict[str, str], lines: list[Line]) -> Trade:
    ordered = date.fromisoformat(row["order_date"])
    shipped = date.fromisoformat(row["shipped_date"]) if row["shipped_date"] else None
    return Trade(
        number=int(row["order_id"]), customer_id=row["customer_id"], ordered=ordered,
        days_to_ship=(shipped - ordered).days if shipped else None,
        shipper=shippers[row["ship_via"]],
        ship_to={name: value for name, value in row.items() if name.startswith("ship_")},
        lines=tuple(lines),
    )  # fmt: skip


def _rows(name: str) -> Iterator[dict[str, str]]:
    text = (files(__package__) / "data" / f"{name}.csv").read_text(encoding="utf-8")
    return csv.DictReader(text.splitlines())
