"""`odori dashboard`: the pages, in a process of their own."""

from pathlib import Path

import click

from streams.role import DASHBOARD
from streams.starting import part_said, serving, start
from streams.terminal import data_option


@click.command()
@serving(3000)
@data_option
def command(port: int | None, host: str | None, data: Path) -> None:
    """Show what the other parts do, until Ctrl-C; it takes no commands and changes no row.

    Needs ODORI_KAFKA and ODORI_STORE, which all parts share.

    \b
    Example:
      odori dashboard --port 3000
    """
    start(DASHBOARD, part_said("dashboard"), data, host=host, port=port)
