"""`odori watch`: topics and the latest orders of a running Odori, live in the terminal."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from streams.terminal import Trouble, address, data_option, json_option, print_json

if TYPE_CHECKING:
    from rich.console import RenderableType

#: How often the picture is renewed.
LOOK_INTERVAL_S = 0.5
MARKS = {"done": "●", "pending": "○", "failed": "✕", "undone": "↺", "skipped": "–"}
STYLES = {"CONFIRMED": "green", "CANCELLED": "yellow"}


@click.command()
@click.option("--once", is_flag=True, help="One picture, then end; for scripts.")
@click.option("--url", help="The web server, if it is not the one that runs on the data folder.")
@data_option
@json_option
def command(once: bool, url: str | None, data: Path, as_json: bool) -> None:
    """Show topics (events/s, lag, last event) and the latest orders, live; Ctrl-C ends it.

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
            with Live(picture(look), console=console, screen=True, auto_refresh=False) as live:
                while True:
                    await asyncio.sleep(LOOK_INTERVAL_S)
                    live.update(picture((await client.get("/")).json()), refresh=True)


def picture(look: dict[str, Any]) -> "RenderableType":
    """Topics over orders."""
    from rich.console import Group
    from rich.table import Table

    topics = Table("topic", "events/s", "since start", "lag", "last event", box=None)
    orders = Table("order", "state", "steps", "total", "customer", box=None)
    for column in topics.columns[1:4]:
        column.justify = "right"
    for topic in look["topics"]:
        lag = f"{topic['lag_messages']} ({topic['lag_seconds']:.1f} s)"
        topics.add_row(
            topic["name"], f"{topic['per_second']:g}", f"{topic['total']}", lag,
            f"{topic['last_at'][11:19]} {topic['last_type'].removeprefix('odori.')}",
        )  # fmt: skip
    for order in look["orders"]:
        notes = [order.get("reason"), "refunded" if order["refunded"] else ""]
        status, reason = order["status"], ", ".join(filter(None, notes))
        style = STYLES.get(status, "")
        orders.add_row(
            order["orderId"], f"[{style}]{status}[/] {reason}" if style else status,
            " ".join(MARKS.get(state, "?") for state in order["steps"].values()),
            f"{order['totalAmount']} {order['currency']}", order["customerId"],
        )  # fmt: skip
    return Group(topics, "", orders)
