"""`odori check`: do the books balance?"""

from collections.abc import Callable, Mapping
from pathlib import Path

import click

from streams.terminal import (
    CANNOT,
    NO,
    Trouble,
    alive,
    data_option,
    json_option,
    print_json,
    settings,
)


@click.command()
@click.option(
    "--wait", "wait_s", type=click.FloatRange(min=0), default=0.0, metavar="SECONDS",
    help="Wait up to so long for everything to come to rest.",
)  # fmt: skip
@data_option
@json_option
def command(wait_s: float, data: Path, as_json: bool) -> None:
    """Recompute the books from the messages and by plain SQL, beside a running Odori or without.

    For every product: initial + replenished = available + reserved + committed; for every wallet:
    opening + topped up + refunded = balance + charged; both as the messages say. No cancelled order
    holds anything, no order is without an end, every accepted order is there exactly once.

    Exits with 0 when they balance, with 1 and the differences when they do not, and with 3 when
    that cannot be said: something still moves, a dead delivery leaves an order unfinished, or
    nobody can be asked.

    \b
    Example:
      odori check --wait 30
    """
    from infra.engine.errors import EngineError
    from streams.books.check import NoBooks, Verdict, check

    lag = _lag(data) if settings(data=data).kafka else None
    try:
        books = check(data, lag=lag, wait_s=wait_s)
    except (NoBooks, EngineError) as error:
        raise Trouble(str(error)) from None
    if as_json:
        print_json(books.public())
    else:
        for difference in books.differences:
            click.echo(str(difference))
        for reason in books.moving:
            click.echo(f"still moving: {reason}")
        for domain, saga, type_, reason in books.dead:
            click.echo(f"dead in {domain}: {type_} of {saga}: {reason}")
        for saga in books.unfinished:
            click.echo(f"unfinished: {saga} (odori parked list --saga {saga})")
        click.echo(f"The books: {books.verdict}.")
    raise SystemExit({Verdict.BALANCED: 0, Verdict.UNBALANCED: NO}.get(books.verdict, CANNOT))


def _lag(data: Path) -> Callable[[], Mapping[str, int]]:
    """What the running system says of its topics; on Kafka the positions are in the broker."""
    import asyncio

    from streams.http_client import HttpClient, Unreachable
    from streams.terminal import address

    url = address(data, alive(data))

    async def ask() -> dict[str, int]:
        try:
            async with HttpClient(url) as client:
                look = (await client.get("/")).json()
        except (Unreachable, ValueError) as error:
            raise Trouble(f"{error}; does Odori still run?") from None
        return {topic["name"]: int(topic["lag_messages"]) for topic in look["topics"]}

    return lambda: asyncio.run(ask())
