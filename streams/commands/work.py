"""`odori work`: the workers of some domains, in a process of their own."""

import os
from pathlib import Path

import click

from streams.role import work
from streams.starting import part_said, serving, start
from streams.terminal import WRONG, Trouble, data_option


@click.command()
@click.argument("domains", nargs=-1, required=True, metavar="DOMAIN...")
@serving(None)
@data_option
def command(domains: tuple[str, ...], port: int | None, host: str | None, data: Path) -> None:
    """Work for these domains until Ctrl-C: hear their messages, take their commands over HTTP,
    publish what they announce.

    Needs ODORI_KAFKA and ODORI_STORE, which all parts share. Any number of workers may run; the
    partitions of a domain's topics are divided among them.

    \b
    Examples:
      odori work order --port 8080
      odori work inventory payment shipping
    """
    from streams.topology import discover

    if port is None and not os.environ.get("ODORI_PORT"):
        port = 0

    known = discover().parts
    if unknown := [name for name in domains if name not in known]:
        raise Trouble(f"no domain is called {unknown[0]}; there are {', '.join(known)}", WRONG)
    start(work(domains), part_said(f"work {' '.join(domains)}"), data, host=host, port=port)
