"""`odori saga`: one order's story in time order."""

import asyncio
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from streams.terminal import NO, Trouble, data_option, home, json_option, print_json, settings

#: Narrower would break the names; a script's pipe has no width of its own.
WIDTH_MIN_CHARS = 110


@click.command()
@click.argument("order")
@data_option
@json_option
def command(order: str, data: Path, as_json: bool) -> None:
    """Tell what every domain did for ORDER, in time order, and what was taken back and why.

    ORDER is the order's id; any other saga id does as well (hold:A-1, product:11). Read from the
    data folder, whether Odori runs or not. Exits with 1 when nobody has heard of it.

    \b
    Example:
      odori saga NW-10248
    """
    from infra.engine.errors import EngineError
    from streams.home import NoData

    stores = home(settings(data=data))
    try:
        told = asyncio.run(_read(order, stores))
    except (NoData, EngineError) as error:
        raise Trouble(str(error)) from None
    if told is None:
        raise Trouble(f"nobody in {stores.name} has heard of {order}; is it the order's id?", NO)
    if as_json:
        print_json(told.public())
    else:
        _show(told)


async def _read(order: str, home: Any) -> Any:
    from streams.readers import readers
    from streams.story import story
    from streams.topology import discover

    topology = discover()
    async with readers(home, topology) as stores:
        return await story(stores, topology, order)


def _show(told: Any) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("time", "+ms", "domain", "step", "heard", "announced"):
        table.add_column(name, justify="right" if name == "+ms" else "left")
    began = datetime.fromisoformat(told.began) if told.began else None
    for moment in told.moments:
        at = datetime.fromisoformat(moment.at)
        since = (at - began).total_seconds() * 1000 if began else 0
        state = "" if moment.state in ("done", "undone") else f" ({moment.state})"
        step = moment.step.replace(" (", " undoes ").rstrip(")") + state
        said = ", ".join(_name(message.type) for message in moment.said) or "-"
        table.add_row(
            f"{at:%H:%M:%S}.{at.microsecond // 1000:03d}", f"{since:.0f}", moment.domain,
            Text(step, style=_STYLES.get(moment.state, "")), _name(moment.heard),
            said,
        )  # fmt: skip
    console = Console()
    console.width = max(console.width, WIDTH_MIN_CHARS)
    head = Text(f"{told.saga}: ").append(told.state, style="bold")
    head.append(", refunded" if _refunded(told) else "")
    console.print(head.append("".join(f": {why}" for why in _rejected(told))))
    console.print(table)
    for why in dict.fromkeys(moment.why for moment in told.moments if moment.why):
        console.print(f"taken back because of {why}", markup=False, highlight=False)
    for stuck in told.parked:
        due = f", next try {stuck.due}" if stuck.due else ""
        console.print(
            f"parked in {stuck.domain}: {_name(stuck.type)} ({stuck.state}, {stuck.attempts}"
            f" attempt{'s' * (stuck.attempts != 1)}{due}): {stuck.reason}",
            markup=False,
        )
    if told.waits_for:
        console.print(f"waits for {', '.join(told.waits_for)}", markup=False)


def _rejected(told: Any) -> list[str]:
    """Why nothing was done, in a word and in a sentence."""
    if told.state != "rejected":
        return []
    bodies = [message.body for moment in told.moments for message in moment.said]
    found = (body.get(name) for body in bodies for name in ("reason", "detail"))
    return list(dict.fromkeys(str(why) for why in found if why))


def _refunded(told: Any) -> bool:
    """Whether the money went back though the order itself was not taken back."""
    from schemas.payment import PaymentRefunded

    said = {message.type for moment in told.moments for message in moment.said}
    return told.state == "done" and PaymentRefunded.spec.wire in said


#: How a step that was not simply done is shown.
_STYLES = {"undone": "yellow", "refused": "red", "forbidden": "dim"}


def _name(type_: str) -> str:
    """`odori.order.OrderPlaced.v1` is OrderPlaced."""
    return type_.split(".")[2] if type_.count(".") > 2 else type_
