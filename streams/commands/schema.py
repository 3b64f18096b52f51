"""`odori schema`: the domains' tables, as declared and as they are on disk."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
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

Ask = Callable[[Any, Any], Coroutine[Any, Any, Any]]


@click.group()
def command() -> None:
    """The tables of all domains: what is declared, what is there, and what differs.

    \b
    Example:
      odori schema diff
    """


@command.command()
@click.argument("domain", required=False)
@json_option
def show(domain: str | None, as_json: bool) -> None:
    """The tables that are declared, with their columns, keys and indexes."""
    from infra.engine.differing import shown
    from infra.engine.metadata import described

    tables = [table for part in _parts(domain) for table in part.tables]
    if as_json:
        print_json(
            {
                table.full_name: {
                    column: row._asdict()
                    for column, row in described(table).items()
                    if column in table.columns
                }
                for table in tables
            }
        )
        return
    click.echo("\n".join(line for table in tables for line in shown(table)))


@command.command()
@click.argument("domain", required=False)
@data_option
@json_option
def diff(domain: str | None, data: Path, as_json: bool) -> None:
    """What is on disk other than declared; exits 1 if anything is."""
    missing, contradicting = compared(_stores(data), domain)
    if as_json:
        print_json({"missing": missing, "contradicting": contradicting})
    else:
        for line in missing:
            click.echo(f"{line}; make it with: odori schema apply")
        for line in contradicting:
            click.echo(f"{line}; only a migration of your own changes that")
        if not missing and not contradicting:
            click.echo("Every table is as declared.")
    if missing or contradicting:
        raise SystemExit(NO)


@command.command()
@click.argument("domain", required=False)
@data_option
def apply(domain: str | None, data: Path) -> None:
    """Make tables, columns and indexes that are missing, as a start does; nothing is removed."""
    stores = _stores(data)
    missing, contradicting = compared(stores, domain)
    if contradicting:
        raise Trouble("nothing was changed: " + "; ".join(contradicting), NO)
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    _asked(stores, _parts(domain), lambda part, engine: engine.apply(part.tables))
    click.echo(f"{len(missing)} made" if missing else "Nothing was missing.")
    for line in missing:
        click.echo(f"  {line.removesuffix(' is not there')}")


def compared(stores: Any, domain: str | None) -> tuple[list[str], list[str]]:
    """What is missing, and what contradicts; a store that is not there is not made for it."""
    from infra.engine.differing import contradicting, missing

    async def looked_at(part: Any, engine: Any) -> list[tuple[Any, Any, Any]]:
        names = [(table, (table.namespace, table.name)) for table in part.tables]
        return [(t, await engine.describe(*n), await engine.columns(t)) for t, n in names]

    parts = _parts(domain)
    with _answering(stores):
        there = stores.there([part.name for part in parts])
    found: list[Any] = [
        (table, None, {}) for part in parts if part.name not in there for table in part.tables
    ]
    for one in _asked(stores, [part for part in parts if part.name in there], looked_at):
        found += one
    return (
        [line for one in found for line in missing(*one)],
        [line for one in found for line in contradicting(*one)],
    )


def _parts(domain: str | None) -> list[Any]:
    from streams.topology import discover

    parts = discover().parts
    if domain is not None and domain not in parts:
        raise Trouble(f"there is no domain {domain}; there are {', '.join(parts)}", WRONG)
    return [part for name, part in parts.items() if domain in (None, name)]


def _stores(data: Path) -> Any:
    return home(settings(data=data))


def _asked(stores: Any, parts: list[Any], ask: Ask) -> list[Any]:
    """What is found out of each domain's store, one after the other."""

    async def asked() -> list[Any]:
        found = []
        for part in parts:
            engine = stores.engine(part.name)
            try:
                found.append(await ask(part, engine))
            finally:
                await engine.close()
        return found

    with _answering(stores):
        return asyncio.run(asked())


@contextmanager
def _answering(stores: Any) -> Iterator[None]:
    """Says which stores do not answer, and why."""
    from infra.engine.errors import EngineError

    try:
        yield
    except EngineError as error:
        raise Trouble(f"{stores.name} does not answer: {error}") from None
