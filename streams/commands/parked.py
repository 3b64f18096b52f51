"""`odori parked`: what failed, why, and once more."""

import asyncio
import getpass
from pathlib import Path
from typing import Any

import click

from streams.terminal import (
    NO,
    WRONG,
    Trouble,
    data_option,
    home,
    json_option,
    print_json,
    settings,
)


@click.group(invoke_without_command=True)
@click.pass_context
def command(ctx: click.Context) -> None:
    """List, show and put back deliveries that could not be handled.

    Those that wait are retried by themselves; those that are dead wait for a person.

    \b
    Examples:
      odori parked list --reason funds
      odori parked show order:inventory-4f1c-12
      odori parked put-back --all --type StockReserved --note "rounding mended"
    """
    if ctx.invoked_subcommand is None:
        ctx.invoke(list_)


def _which(function: Any) -> Any:
    for option in (
        click.option("--count", type=click.IntRange(min=1), help="At most so many (1000)."),
        click.option("--reason", help="Whose reason has this text."),
        click.option("--type", "type_", help="Whose message type has this text."),
        click.option("--saga", help="Of this saga only."),
    ):
        function = option(function)
    return function


@command.command("list")
@_which
@click.option("--state", type=click.Choice(["waiting", "dead"]), help="Only those.")
@data_option
@json_option
def list_(
    saga: str | None, type_: str | None, reason: str | None, count: int | None, state: str | None,
    data: Path, as_json: bool,
) -> None:  # fmt: skip
    """List what is parked, oldest first.

    \b
    Example:
      odori parked list --state dead
    """
    found = _find(data, saga=saga, type=type_, reason=reason, state=state, count=count)
    if as_json:
        print_json([one.public() for one in found])
        return
    for one in found:
        row = one.row
        due = f", due {row.due:%F %T}" if row.due else ""
        click.echo(f"{one.id}  {row.state}{due}  {row.type} of {row.saga}: {row.reason}")
    click.echo(f"{len(found)} parked" if found else "Nothing is parked.")


@command.command()
@click.argument("id_", metavar="ID")
@data_option
@json_option
def show(id_: str, data: Path, as_json: bool) -> None:
    """Show one parked delivery whole: the message, its headers, the error.

    \b
    Example:
      odori parked show payment:inventory-4f1c-12
    """
    found = _find(data, id=id_)
    if not found:
        raise Trouble(f"{id_} is not parked in {data}; odori parked list shows what is", NO)
    for one in found:
        whole = one.whole()
        if as_json:
            print_json(whole)
            continue
        for name, value in whole.items():
            if value not in (None, ""):
                click.echo(f"{name}: {value}")


@command.command("put-back")
@click.argument("id_", metavar="[ID]", required=False)
@click.option("--all", "every", is_flag=True, help="All that --saga, --type, --reason name.")
@_which
@click.option("--rate", type=click.FloatRange(min=0, min_open=True), help="So many a second.")
@click.option("--dry-run", is_flag=True, help="Only say what would be put back.")
@click.option("--force", is_flag=True, help="Even what was put back too often already.")
@click.option("--note", default="put back", show_default=True, help="Why; kept with each.")
@data_option
@json_option
def put_back(
    id_: str | None, every: bool, saga: str | None, type_: str | None, reason: str | None,
    count: int | None, rate: float | None, dry_run: bool, force: bool, note: str, data: Path,
    as_json: bool,
) -> None:  # fmt: skip
    """Have deliveries tried again: one by its ID, or --all that the filters name.

    Works beside a running Odori, which tries them within a second, and without one. What was put
    back five times already needs --force. Exits with 1 when nothing was put back.

    \b
    Examples:
      odori parked put-back payment:inventory-4f1c-12 --note "provider is back"
      odori parked put-back --all --saga NW-10248 --dry-run
    """
    if bool(id_) is every:
        raise Trouble("name one ID, or say --all (with --saga, --type or --reason)", WRONG)
    found = _find(data, id=id_, saga=saga, type=type_, reason=reason, count=count)
    who = f"{getpass.getuser()}: {note}"
    done = _put_back(data, [] if dry_run else found, note=who, rate=rate, force=force)
    back = found if dry_run else done.back
    if as_json:
        print_json(
            {
                "dryRun": dry_run,
                "putBack": [one.id for one in back],
                "guarded": [one.id for one in done.guarded],
            }
        )
    else:
        for one in back:
            click.echo(f"{'would put' if dry_run else 'put'} back {one.id}")
        for one in done.guarded:
            click.echo(f"{one.id} was put back {one.row.replays} times; --force does it again")
        click.echo(f"{len(back)} deliveries")
    raise SystemExit(0 if back else NO)


def _find(data: Path, **asked: Any) -> list[Any]:
    from infra.engine.errors import EngineError
    from streams.home import NoData
    from streams.putback import Which, find
    from streams.topology import discover

    which = Which(**{name: value for name, value in asked.items() if value is not None})
    try:
        return list(asyncio.run(find(_home(data), discover(), which)))
    except (NoData, EngineError) as error:
        raise Trouble(str(error)) from None


def _home(data: Path) -> Any:
    return home(settings(data=data))


def _put_back(data: Path, found: list[Any], **how: Any) -> Any:
    from infra.engine.errors import EngineError
    from streams.putback import put_back
    from streams.topology import discover

    try:
        return asyncio.run(put_back(_home(data), discover(), found, **how))
    except EngineError as error:
        raise Trouble(f"{error}; nothing of the rest was put back") from None
