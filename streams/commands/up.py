"""`odori up`: everything in one process."""

import os
from pathlib import Path
from typing import Any

import click

from streams.role import UP
from streams.starting import serving, start
from streams.terminal import data_option, program


@click.command()
@serving(3000)
@data_option
def command(port: int | None, host: str | None, data: Path) -> None:
    """Start Odori: stores, bus, domains and web server, until Ctrl-C.

    With ODORI_KAFKA=host:port the bus is that Kafka; with ODORI_STORE=postgresql://user@host/db the
    stores are schemas of that PostgreSQL. Other settings are ODORI_* variables, too:
    the README has them all. A second start on the same data folder is refused.

    \b
    Example:
      odori up --port 3001 --data /var/lib/odori
    """
    start(UP, _said, data, host=host, port=port)


def _said(system: Any, url: str) -> None:
    """Where to look, in a few lines."""
    bus = f"Kafka at {system.settings.kafka}" if system.settings.kafka else "embedded"
    store = f", store: {system.home.name}" if system.settings.store else ""
    click.echo(
        f"Odori is up (pid {os.getpid()}, bus: {bus}{store}, data: {system.data})."
        " Ctrl-C ends it.\n"
        f"  see it dance  {url}/\n"
        f"  orders        {program()} publish northwind{_where(system.data)}\n"
        f"  try the API   {url}/docs"
    )


def _where(data: Path) -> str:
    """How another terminal names this folder."""
    return "" if data == Path(".odori") else f" --data {data}"
