"""The first page, /: written by the server, kept live by server-sent events, JSON on request."""

from html import escape
from typing import Any
from urllib.parse import quote

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from streams.dashboard.frame import frame
from streams.dashboard.live import Live
from streams.dashboard.look import READY, Line, Look, Lookout
from streams.intake.respond import as_json, as_page
from streams.system import System

_MARKS = {"done": "●", "pending": "○", "failed": "✕", "undone": "↺", "skipped": "–"}
_TOPIC_HEADS = ("topic", "events/s", "since start", "last event", "lag", "behind")
_ORDER_HEADS = ("order", "state", "steps", "total", "customer", "placed")


def add_dashboard(app: FastAPI, system: System) -> Live:
    """The page at / and its stream of changes."""
    lookout = Lookout(system)
    live = Live(lookout, parts)

    async def floor(request: Request) -> Response:
        """Topics and the latest orders; HTML or JSON, as Accept says."""
        look = await lookout.look()
        if _wants_json(request.headers.get("accept", "")):
            return as_json(look.public())
        return as_page(page(look))

    app.get("/", response_model=None, tags=["service"])(floor)
    app.get("/dashboard/events", include_in_schema=False, response_model=None)(live.stream)
    return live


def _wants_json(accept: str) -> bool:
    return "application/json" in accept and "text/html" not in accept


def page(look: Look) -> str:
    """The whole page; it reads without JavaScript, too."""
    said = parts(look)
    legend = " ".join(f"<span>{mark} {name}</span>" for name, mark in _MARKS.items())
    body = (
        '<p role="status"><span id="connection">as of now; reload to see more</span>'
        f' <span id="readiness">{said["readiness"]}</span></p>'
        '<section aria-labelledby="h-orders"><h2 id="h-orders">Latest orders</h2>'
        f"{_table('orders', _ORDER_HEADS, said['orders'])}"
        f'<p class="legend" aria-label="Signs of the steps">{legend}</p></section>'
        '<section aria-labelledby="h-topics"><h2 id="h-topics">Topics</h2>'
        f"{_table('topics', _TOPIC_HEADS, said['topics'])}</section>"
    )
    return frame("Dance floor", body, head='<script src="/static/live.js" defer></script>')


def parts(look: Look) -> dict[str, str]:
    """The parts of the page that change, by element id."""
    return {
        "readiness": _readiness(look.readiness),
        "orders": _orders(look.orders),
        "topics": "".join(map(_topic, look.topics)),
    }


def _readiness(verdict: str) -> str:
    if verdict == READY:
        return f'<b class="done">{READY}</b>'
    return f'<b class="failed">✕ {escape(verdict)}</b>'


def _table(id_: str, heads: tuple[str, ...], rows: str) -> str:
    cells = "".join(f'<th scope="col">{head}</th>' for head in heads)
    return (
        f'<div class="wide" tabindex="0" role="region" aria-labelledby="h-{id_}"><table>'
        f'<thead><tr>{cells}</tr></thead><tbody id="{id_}">{rows}</tbody></table></div>'
    )


def _topic(line: Line) -> str:
    topic = line.topic
    name = topic.last_type.removeprefix("odori.")
    time = escape(topic.last_at[11:19])
    last = f"{escape(name)} <time>{time}</time>" if name else "–"
    messages, seconds = line.lag_messages, line.lag_seconds
    late = " late" if seconds is None or seconds > 1 else ""
    return (
        f'<tr><th scope="row">{topic.name}</th><td class="n">{topic.per_second:g}</td>'
        f'<td class="n">{topic.total}</td><td>{last}</td>'
        f'<td class="n{late}">{"?" if messages is None else messages}</td>'
        f'<td class="n{late}">{"?" if seconds is None else f"{seconds:.1f} s"}</td></tr>'
    )


def _orders(orders: list[dict[str, Any]]) -> str:
    if not orders:
        width = len(_ORDER_HEADS)
        hint = (
            "No orders yet, and nothing to sell: <code>odori publish northwind</code> brings both."
            ' Or list a product and order it with the <a href="/docs">API tester</a>.'
        )
        return f'<tr><td colspan="{width}">{hint}</td></tr>'
    return "".join(map(_order, orders))


def _order(order: dict[str, Any]) -> str:
    id_, status = str(order["orderId"]), str(order["status"])
    notes = [str(order["reason"])] if order.get("reason") else []
    notes += ["refunded"] if order["refunded"] else []
    why = f" <small>{escape(', '.join(notes))}</small>" if notes else ""
    steps = "".join(_step(name, str(state)) for name, state in order["steps"].items())
    total = f"{order['totalAmount']} {order['currency']}"
    return (
        f'<tr><th scope="row"><a id="o-{escape(id_)}" href="/api/sagas/{quote(id_, safe="")}">'
        f'{escape(id_)}</a></th><td><b class="{escape(status.lower())}">{escape(status)}</b>{why}'
        f'</td><td class="steps">{steps}</td><td class="n">{escape(total)}</td>'
        f"<td>{escape(str(order['customerId']))}</td>"
        f"<td><time>{escape(str(order['createdAt'])[11:19])}</time></td></tr>"
    )


def _step(name: str, state: str) -> str:
    mark = _MARKS.get(state, "?")
    label = f"{escape(name)}: {escape(state)}"
    return f'<span class="{escape(state)}" role="img" aria-label="{label}" title="{label}">{mark}</span>'  # noqa: E501
