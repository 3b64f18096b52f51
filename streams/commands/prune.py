"""`odori prune`: let go of what is old."""

import asyncio
import re
from datetime import timedelta
from pathlib import Path

import click

from streams.terminal import WRONG, Trouble, data_option, home, json_option, print_json, settings

_UNITS = {"d": "days", "h": "hours", "m": "minutes", "s": "seconds"}


def _span(ctx: click.Context, param: click.Parameter, value: str) -> timedelta:
    match = re.fullmatch(r"(\d{1,6})([dhms])", value)
    if match is None:
        raise click.BadParameter("a number and d, h, m or s, such as 30d")
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


@click.command()
@click.option(
    "--older-than", required=True, callback=_span, metavar="SPAN", help="Such as 30d or 12h."
)
@click.option("--dry-run", is_flag=True, help="Only count.")
@data_option
@json_option
def command(older_than: timedelta, dry_run: bool, data: Path, as_json: bool) -> None:
    """Delete what is older than SPAN and needed by nobody, beside a running Odori or without one.

    Messages that every subscriber has heard; dead deliveries; stored answers to Idempotency-Keys;
    lanes of processes that are gone. Of the ledger only the kept bodies of ended sagas are blanked.
    What the books need of it is carried forward. May be interrupted and run again.

    \b
    Example:
      odori prune --older-than 30d --dry-run
    """
    from infra.clock import utc_now
    from infra.engine.errors import EngineError
    from streams.home import NoData
    from streams.prune import Pruner
    from streams.system import StoreLost, all_there
    from streams.topology import discover

    found = settings(data=data)
    if found.kafka and older_than < timedelta(days=found.retention_days):
        raise Trouble(
            f"Kafka keeps messages for {found.retention_days} days, and outboxes are kept"
            f" longer: --older-than {found.retention_days}d at least",
            WRONG,
        )
    before = utc_now() - older_than
    topology, stores = discover(), home(found)
    pruner = Pruner(stores, topology, before, broker=bool(found.kafka), dry=dry_run)
    try:
        all_there(stores, topology)
        pruned = asyncio.run(pruner.run())
    except (StoreLost, NoData) as error:
        raise Trouble(str(error)) from None
    except EngineError as error:
        raise Trouble(f"{error}; what was pruned stays pruned, run it again for the rest") from None
    if as_json:
        print_json({"dryRun": dry_run, "before": before.isoformat()} | pruned.public())
        return
    for name, count in pruned.public().items():
        click.echo(f"{count:>9} {name.replace('_', ' ')}{' would go' if dry_run else ''}")
