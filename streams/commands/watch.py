"""`odori watch`: the latest orders and the topics of a running Odori, live in the terminal."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from streams.terminal import Trouble, address, data_option, json_option, print_json

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

#: How often the picture is renewed.
LOOK_INTERVAL_S = 0.5
MARKS = {"done": "●", "pending": "○", "failed": "✕", "undone": "↺", "skipped": "–"}
#: Lines that are no rows: the verdict, the heads, what parts them.
FRAME_LINES = 5
#: A longer order id is cut, so that its state is seen on a narrow terminal.
ORDER_MAX_COLUMNS = 36
STYLES = {"CONFIRMED": "green", "CANCELLED": "yellow"}


@click.command()
@click.option("--once", is_flag=True, help="One picture, then end; for scripts.")
@click.option("--url", help="The web server, if it is not the one that runs on the data folder.")
@data_option
@json_option
def command(once: bool, url: str | None, data: Path, as_json: bool) -> None:
    """Show the latest orders and topics (events/s, lag, last event), live; Ctrl-C ends it.

    Into a file or a pipe it writes one picture and ends, as with --once.

    \b
    Examples:
      odori watch
      odori watch --json | jq '.topics[] | select(.lag_messages > 0)'
    """
    from streams.http_client import Unreachable

    try:
        asyncio.run(_watch(address(data, url), once, as_json))
    except (Unreachable, ValueError) as error:
        raise Trouble(f"{error}; does Odori still run?") from None
    except KeyboardInterrupt:
        return


async def _watch(url: str, once: bool, as_json: bool) -> None:
    from rich.console import Console
    from rich.live import Live

    from streams.http_client import HttpClient

    async with HttpClient(url) as client:
        look, console = (await client.get("/")).json(), Console()
        if as_json:
            print_json(look)
        elif once or not console.is_terminal:
            console.print(picture(look))
        else:
            with Live(console=console, screen=True, auto_refresh=False) as live:
                while True:
                    live.update(picture(look, console.height), refresh=True)
                    await asyncio.sleep(LOOK_INTERVAL_S)
                    look = (await client.get("/")).json()


def picture(look: dict[str, Any], height: int | None = None) -> "RenderableType":
    """Orders over topics; where the terminal is low, fewer of both."""
    from rich.console import Group
    from rich.text import Text

    verdict, orders = look["readiness"], look["orders"]
    topics = sorted(look["topics"], key=lambda topic: not topic["last_type"])
    if height is not None:
        room = max(0, height - FRAME_LINES)
        if len(orders) + len(topics) > room:
            topics = [topic for topic in topics if topic["last_type"]]
        topics = topics[: max(room // 2, room - len(orders))]
        orders = orders[: room - len(topics)]
    said = Text(verdict, "green" if verdict == "ready" else "red", no_wrap=True)
    return Group(said, "", _orders(orders), "", _topics(topics))


def _table(*names: str) -> "Table":
    """A row is a line: what does not fit is cut, the last column first."""
    from rich.table import Table

    table = Table(box=None, expand=True, pad_edge=False)
    for name in names:
        table.add_column(name, no_wrap=True, overflow="ellipsis")
    table.columns[-1].ratio = 1
    return table


def _topics(topics: list[dict[str, Any]]) -> "Table":
    table = _table("topic", "events/s", "since start", "lag", "last event")
    for column in table.columns[1:4]:
        column.justify = "right"
    for topic in topics:
        known = topic["lag_messages"] is not None
        own = f"odori.{topic['name'].partition('.')[0]}."
        table.add_row(
            topic["name"], f"{topic['per_second']:g}", f"{topic['total']}",
            f"{topic['lag_messages']} ({topic['lag_seconds']:.1f} s)" if known else "?",
            f"{topic['last_at'][11:19]} {topic['last_type'].removeprefix(own)}",
        )  # fmt: skip
    return table


def _orders(orders: list[dict[str, Any]]) -> "Table":
    from rich.markup import escape

    table = _table("order", "state", "steps", "total", "customer")
    table.columns[0].max_width = ORDER_MAX_COLUMNS
    for order in orders:
        notes = [order.get("reason"), "refunded" if order["refunded"] else ""]
        status, reason = order["status"], ", ".join(filter(None, notes))
        style = STYLES.get(status, "")
        table.add_row(
            escape(order["orderId"]), f"[{style}]{status}[/] {reason}" if style else status,
            " ".join(MARKS.get(state, "?") for state in order["steps"].values()),
            f"{order['totalAmount']} {order['currency']}", escape(order["customerId"]),
        )  # fmt: skip
    return table
