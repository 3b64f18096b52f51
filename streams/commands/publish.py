"""`odori publish`: Northwind's year or a file of orders, to the end of every order."""

import asyncio
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any

import click

from streams.terminal import (
    NO,
    WRONG,
    Trouble,
    alive,
    data_option,
    home,
    json_option,
    not_running,
    print_json,
    settings,
)

NORTHWIND = "northwind"


@dataclass
class _Input:
    """Where the orders come from, and which lines of it were none."""

    source: str
    prefix: str | None
    count: int | None
    year: dict[str, Any]
    unreadable: list[str] = field(default_factory=list)
    #: Lines of the source that are not empty, if that is known before they are read.
    lines: int | None = None

    def total(self) -> int | None:
        """How many orders there are to send, as far as is known by now."""
        known = None if self.lines is None else self.lines - len(self.unreadable)
        return min((n for n in (known, self.count) if n is not None), default=None)

    @contextmanager
    def read(self) -> Iterator[tuple[list[Any], Any]]:
        """(what must be there first, the orders)."""
        if self.source == NORTHWIND:
            from streams.northwind.year import TRADES_COUNT, Year

            year = Year(**self.year | ({"prefix": self.prefix} if self.prefix else {}))
            self.lines = TRADES_COUNT
            yield year.opening(), year.orders(self.count)
            return
        from streams.publishing.lines import orders

        piped = self.source == "-"
        with nullcontext(sys.stdin.buffer) if piped else Path(self.source).open("rb") as file:
            self.lines = None if piped else _lines(self.source)
            yield [], islice(orders(file, self.prefix or "", self._tell), self.count)

    def _tell(self, number: int, wrong: str) -> None:
        self.unreadable.append(f"line {number}: {wrong}")
        click.echo(f"{self.source}, line {number}: {wrong}", err=True)


def _lines(path: str) -> int:
    """How many lines of a file are not empty, for the progress bar."""
    with Path(path).open("rb") as file:
        return sum(1 for line in file if line.strip())


@click.command()
@click.argument("source", metavar="northwind|FILE|-")
@click.option(
    "--via",
    type=click.Choice(["http", "bus"]),
    default="http",
    show_default=True,
    help="Over HTTP, or as commands on the bus (Kafka where ODORI_KAFKA is set).",
)
@click.option("--rate", type=click.FloatRange(min=0, min_open=True), help="Orders a second.")
@click.option("--count", type=click.IntRange(min=1), help="Only the first so many orders.")
@click.option("--url", help="The web server, if it is not the one that runs on the data folder.")
@click.option("--prefix", help="Begins the order ids: another prefix is another year (NW).")
@click.option(
    "--stock-factor",
    type=click.FloatRange(min=0),
    default=40.0,
    show_default=True,
    help="Northwind: opening stock, as so many times units_in_stock.",
)
@click.option(
    "--wallet-factor",
    type=click.FloatRange(min=0),
    default=0.7,
    show_default=True,
    help="Northwind: opening wallets, as a part of what each customer orders.",
)
@click.option(
    "--refuse",
    multiple=True,
    metavar="COUNTRY",
    show_default=True,
    default=("Argentina", "Ireland", "Poland"),
    help="Northwind: where shipping refuses to go; again for more ('' for nowhere).",
)
@click.option(
    "--pay-by",
    type=click.Choice(["wallet", "card"]),
    default="wallet",
    show_default=True,
    help="Northwind: how the orders are paid.",
)
@click.option(
    "--patience",
    type=click.FloatRange(min=1),
    default=120.0,
    show_default=True,
    help="Seconds without any order ending after which to stop waiting.",
)
@data_option
@json_option
def command(
    source: str, via: str, rate: float | None, count: int | None, url: str | None,
    prefix: str | None, stock_factor: float, wallet_factor: float, refuse: tuple[str, ...],
    pay_by: str, patience: float, data: Path, as_json: bool,
) -> None:  # fmt: skip
    """Publish orders, wait until every one has ended, and sum up.

    FILE has one order per line, the body of POST /api/orders; "-" is standard input. Orders without
    an orderId get one made from the text and the number of their line: the same line at the same
    place is the same order, in another file, too, unless --prefix differs. An order that exists
    already is not placed again, only waited for; with another body it is rejected over HTTP, and
    dead over the bus: odori parked lists it.

    Latency is measured from the commit that placed an order to the commit that confirmed or
    cancelled it, as the ledger of the order domain has them; with --url of a system elsewhere, to
    the last change of the order there.

    Exits with 1 when orders have not ended or lines could not be read.

    \b
    Examples:
      odori publish northwind
      odori publish northwind --prefix NW2 --refuse Norway --rate 50
      generate-orders | odori publish - --via bus
    """
    year = {
        "stock_factor": stock_factor,
        "wallet_factor": wallet_factor,
        "refuse": tuple(filter(None, refuse)),
        "pay_by": pay_by,
    }
    given = _Input(source, prefix, count, year)
    if source not in (NORTHWIND, "-") and not Path(source).is_file():
        raise Trouble(
            f"{source}: no such file; name a file, northwind, or - for standard input", WRONG
        )
    running, set_ = alive(data), settings(data=data)
    if via == "http" and not (url or running):
        not_running(data)
    if via == "bus" and url and not set_.kafka:
        raise Trouble("--url is for --via http: the embedded bus is the data folder's own", WRONG)
    local = running is not None and (url is None or url.rstrip("/") == running)
    facts = {"settings": set_, "home": home(set_), "url": url or running, "local": local,
             "via": via, "rate": rate, "patience_s": patience,
             "unreadable": given.unreadable}  # fmt: skip
    with given.read() as (opening, orders):
        told = _run(facts | {"opening": opening, "orders": orders}, given.total)
    _tell(told, data, as_json)


def _run(facts: dict[str, Any], total: Callable[[], int | None]) -> dict[str, Any]:
    """Publish with a progress bar on standard error; trouble becomes one sentence."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    from infra.engine.errors import EngineError
    from streams.home import NoData
    from streams.http_client import Unreachable
    from streams.publishing.errors import PublishingError
    from streams.publishing.run import Job, publish

    columns = (TextColumn("{task.description:>5}"), BarColumn(None), MofNCompleteColumn())
    with Progress(*columns, console=Console(stderr=True), expand=True) as bar:
        sent, ended = bar.add_task("sent", total=total()), bar.add_task("ended", total=total())
        job = replace(
            Job(**facts),
            sent=lambda count: bar.update(sent, advance=count, total=total()),
            ended=lambda end: bar.update(ended, advance=1, total=total()),
        )
        try:
            return asyncio.run(publish(job))
        except* (PublishingError, NoData) as group:
            raise Trouble(str(_cause(group))) from None
        except* TimeoutError:
            raise Trouble("the shop did not open in time; look at: odori parked") from None
        except* (Unreachable, EngineError) as group:
            raise Trouble(f"{_cause(group)}; what was accepted is kept") from None


def _cause(error: BaseException) -> BaseException:
    """The first of those that failed together."""
    return _cause(error.exceptions[0]) if isinstance(error, BaseExceptionGroup) else error


def _tell(told: dict[str, Any], data: Path, as_json: bool) -> None:
    if "left" in told:
        text = f"{told['left']} orders lie in {told['in']} and are handled when Odori starts"
        print_json(told) if as_json else click.echo(f"{text}: odori up --data {data}")
    elif as_json:
        print_json(told)
    else:
        from rich.console import Console

        from streams.publishing.summary import show

        show(told, Console())
    if waiting := told.get("waitingFor"):
        raise Trouble(
            f"{told['notEnded']} orders have not ended ({', '.join(waiting[:3])} ...): look at"
            f" odori saga {waiting[0]}, odori parked, or wait longer with --patience",
            NO,
        )
    raise SystemExit(NO if told["unreadable"] else 0)
