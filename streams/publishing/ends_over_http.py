"""How orders ended, asked of a web server whose data folder is elsewhere."""

import asyncio
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
        asked = (self._client.get(f"{path}/{quote(p, safe='')}") for p in products)
        answers = await asyncio.gather(*asked)
        return {p for p, answer in zip(products, answers, strict=True) if answer.status != 200}

    async def undone(self, commands: Sequence[Command]) -> list[Command]:
        return list(commands)  # the server answers for each

    async def look(self, orders: Sequence[OrderKey]) -> list[End]:
        answers = await asyncio.gather(*(self._ask(order) for order, _ in orders))
        ends = (_end(o, found) for (o, _), found in zip(orders, answers, strict=True) if found)
        return [end for end in ends if end is not None]

    async def _ask(self, order: str) -> dict[str, Any] | None:
        answer = await self._client.get(f"/api/orders/{quote(order, safe='')}")
        return answer.json() if answer.status == 200 else None


def _end(order: str, found: dict[str, Any]) -> End | None:
    """A cancelled order's end is complete when no step after its placing is left done."""
    status, steps = str(found["status"]).lower(), dict(found["steps"])
    undone = [name for name, state in steps.items() if state == "undone"]
    if status == CANCELLED:
        if any(state == "done" for name, state in steps.items() if name != "place"):
            return None
        undone.append("place")
    elif status != CONFIRMED:
        return None
    accepted, ended = (
        to_millis(datetime.fromisoformat(str(found[name]))) for name in ("createdAt", "updatedAt")
    )
    return End(order, status, str(found.get("reason") or ""), accepted, ended, tuple(undone))
