"""Where things are over HTTP: paths made from the schemas, and the few names given by hand."""

import re
from dataclasses import dataclass
from urllib.parse import quote

from domains.row import Row
from schemas.message import Command, Message


@dataclass(frozen=True)
class Alias:
    """Another path of a command, as the first architecture document has it."""

    path: str
    command: str


@dataclass(frozen=True)
class Resource:
    """The row behind the sagas of a domain, found by one indexed column."""

    path: str
    row: str
    column: str


#: Carries the data folder's secret; only the operator's commands need it.
OPERATOR_HEADER = "x-odori-operator-key"
ALIASES = (
    Alias("/api/orders", "odori.order.PlaceOrder"),
    Alias("/orders/demo-process", "odori.order.PlaceOrder"),
    Alias("/api/inventory/reserve", "odori.inventory.HoldStock"),
)
#: By domain; the sagas of all others are found under /api/sagas.
RESOURCES = {"order": Resource("/api/orders", "order", "order_id")}


def command_path(command: type[Command]) -> str:
    """CancelOrder of the order domain is at /api/order/cancel-order."""
    return f"/api/{command.spec.domain}/{kebab(command.__name__)}"


def table_path(domain: str, row: type[Row]) -> str:
    """The rows of a domain's table are at /api/<domain>/<table>."""
    return f"/api/{domain}/{row.spec.table.replace('_', '-')}"


def location(message: Message) -> str:
    """Where what became of a command can be seen."""
    spec = message.spec
    resource = RESOURCES.get(spec.domain)
    return f"{resource.path if resource else '/api/sagas'}/{quote(spec.saga(message), safe='')}"


def kebab(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "-", name).lower()
