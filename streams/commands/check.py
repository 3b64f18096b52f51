"""`odori check`: do the books balance?"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from streams.terminal import (
    CANNOT,
    NO,
    Trouble,
    alive,
    data_option,
    home,
    json_option,
    print_json,
    program,
    settings,
)

if TYPE_CHECKING:
    from streams.books.check import Books

#: Lines of one kind that are told without --verbose.
SHOWN_MAX_LINES = 3


@click.command()
@click.option(
    "--wait", "wait_s", type=click.FloatRange(min=0), default=0.0, metavar="SECONDS",
    help="Wait up to so long for everything to come to rest.",
)  # fmt: skip
@click.option("--services", is_flag=True, help="Look at Kafka and the stores instead.")
@click.option("--verbose", is_flag=True, help="Every line there is, not the first few.")
@data_option
@json_option
def command(wait_s: float, services: bool, verbose: bool, data: Path, as_json: bool) -> None:
    """Recompute the books from the messages and by plain SQL, beside a running Odori or without.

    For every product: initial + replenished = available + reserved + committed; for every wallet:
    opening + topped up + refunded = balance + charged; both as the messages say. No cancelled order
    holds anything, no order is without an end, every accepted order is there exactly once.

    Exits with 0 when they balance, with 1 and the differences when they do not, and with 3 when
    that cannot be said: something still moves, a dead delivery leaves an order unfinished, or
    nobody can be asked.

    With --services it says instead what is reachable, at what version, what is missing, and how to
    mend it; exits with 1 where something is.

    \b
    Examples:
      odori check --wait 30
      odori check --services
    """
    from functools import partial

    from infra.engine.errors import EngineError
    from streams.books.check import Verdict, check
    from streams.home import NoData
    from streams.topology import discover
    from streams.unheard import unheard

    found = settings(data=data)
    if services:
        _services(found, as_json)
    lag, topology = _lag(data) if found.kafka else None, discover()
    others = partial(unheard, topology) if found.relay == "off" else None
    try:
        books = check(home(found), domains=topology.parts, lag=lag, unheard=others, wait_s=wait_s)
    except (NoData, EngineError) as error:
        raise Trouble(str(error)) from None
    if as_json:
        print_json(books.public())
    else:
        _show(books, None if verbose else SHOWN_MAX_LINES, data)
    raise SystemExit({Verdict.BALANCED: 0, Verdict.UNBALANCED: NO}.get(books.verdict, CANNOT))


def _services(found: Any, as_json: bool) -> None:
    """One line for each thing, and the exit."""
    import asyncio
    from dataclasses import asdict

    from streams.commands.schema import compared
    from streams.services import Finding, brokers, stores
    from streams.system import topic_specs
    from streams.topology import discover

    stores_ = home(found)
    said = list(stores(found, stores_))
    if not any(one.mend for one in said):
        missing, contradicting = compared(stores_, None)
        if missing:
            first = f"{missing[0]}" + (f", nor {len(missing) - 1} more" if missing[1:] else "")
            mend = "a start makes what is missing, and so does: odori schema apply"
            said.append(Finding(stores_.name, first, mend))
        said += [Finding(stores_.name, line, "only a migration of your own changes that")
                 for line in contradicting]  # fmt: skip
    if found.kafka:
        said += asyncio.run(brokers(found, topic_specs(found, discover())))
    if as_json:
        print_json([asdict(one) for one in said])
    else:
        click.echo("\n".join(map(str, said)))
    raise SystemExit(NO if any(one.mend for one in said) else 0)


def _show(books: "Books", most: int | None, data: Path) -> None:
    """What is wrong, what moves, what was looked at, the verdict."""
    _some([str(difference) for difference in books.differences], most)
    _some([f"still moving: {reason}" for reason in books.moving], most)
    if books.moving and alive(data) is None:
        click.echo(f"nothing runs on {data}; it moves on with: {program()} up --data {data}")
    _some([f"dead in {d}: {type_} of {saga}: {why}" for d, saga, type_, why in books.dead], most)
    _some([f"unfinished: {saga} (odori parked list --saga {saga})" for saga in books.unfinished],
          most)  # fmt: skip
    if placed := books.totals.get("orders placed"):
        click.echo(f"Looked at {placed} orders, their stock, money and parcels.")
    click.echo(f"The books: {books.verdict}.")


def _some(lines: list[str], most: int | None) -> None:
    for line in lines[:most]:
        click.echo(line)
    if most is not None and len(lines) > most:
        click.echo(f"... and {len(lines) - most} more such lines: --verbose tells all")


def _lag(data: Path) -> Callable[[], Mapping[str, int | None]]:
    """What the running system says of its topics; on Kafka the positions are in the broker."""
    import asyncio

    from streams.http_client import HttpClient, Unreachable
    from streams.terminal import address

    url = address(data, alive(data))

    async def ask() -> dict[str, int | None]:
        try:
            async with HttpClient(url) as client:
                look = (await client.get("/")).json()
        except (Unreachable, ValueError) as error:
            raise Trouble(f"{error}; does Odori still run?") from None
        return {topic["name"]: topic["lag_messages"] for topic in look["topics"]}

    return lambda: asyncio.run(ask())
