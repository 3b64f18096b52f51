"""`odori intake`: commands over HTTP, in a process of its own."""

from pathlib import Path

import click

from streams.role import INTAKE
from streams.starting import part_said, serving, start
from streams.terminal import data_option


@click.command()
@serving(3000)
@data_option
def command(port: int | None, host: str | None, data: Path) -> None:
    """Take every domain's commands over HTTP until Ctrl-C; workers elsewhere do the rest.

    Needs ODORI_KAFKA and ODORI_STORE, which all parts share. Any number of intakes may run behind
    a balancer: an Idempotency-Key holds for all of them. They go on while Kafka is away.

    \b
    Example:
      odori intake --port 8088
    """
    start(INTAKE, part_said("intake"), data, host=host, port=port)
