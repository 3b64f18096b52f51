"""How orders ended, asked of a web server whose data folder is elsewhere."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote

from domains.order.rows import Listing
from schemas.message import Command
from streams.codec import to_millis
from streams.http_client import HttpClient
from streams.intake.routes import table_path
from streams.publishing.ends import CANCELLED, CONFIRMED, ORDER, End, OrderKey


class HttpEnds:
    """Asks the web server about each order; for a system whose data folder is elsewhere."""

    def __init__(self, client: HttpClient) -> None:
        self._client = client

    async def unlisted(self, products: Sequence[str]) -> set[str]:
        path = table_path(ORDER, Listing)
        answers = [await self._client.get(f"{path}/{quote(p, safe='')}") for p in products]
        return {p for p, answer in zip(products, answers, strict=True) if answer.status != 200}

    async def undone(self, commands: Sequence[Command]) -> list[Command]:
        return list(commands)  # the server answers for each

    async def look(self, orders: Sequence[OrderKey]) -> list[End]:
        ends = []
        for order, _ in orders:
            found = await self._ask(order)
            status = str(found["status"]).lower() if found else ""
            if found and status in (CONFIRMED, CANCELLED):
                ends.append(_told(order, status, found))
        return ends

    async def _ask(self, order: str) -> dict[str, Any] | None:
        answer = await self._client.get(f"/api/orders/{quote(order, safe='')}")
        return answer.json() if answer.status == 200 else None


def _told(order: str, status: str, found: dict[str, Any]) -> End:
    steps = found.get("steps")
    undone = [n for n, s in steps.items() if s == "undone"] if isinstance(steps, dict) else []
    if status == CANCELLED:
        undone.append("place")
    accepted, ended = (
        to_millis(datetime.fromisoformat(str(found[name]))) for name in ("createdAt", "updatedAt")
    )
    return End(order, status, str(found.get("reason") or ""), accepted, ended, tuple(undone))
