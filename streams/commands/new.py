"""`odori new`: skeletons that work at once."""

from pathlib import Path

import click

from streams.terminal import WRONG, Trouble


@click.group()
def command() -> None:
    """Write the skeleton of something new into this source tree.

    \b
    Example:
      odori new domain loyalty
    """


@command.command()
@click.argument("name")
@click.option(
    "--into", type=click.Path(exists=True, file_okay=False, path_type=Path), default=Path(),
    help="The source tree (here).",
)  # fmt: skip
def domain(name: str, into: Path) -> None:
    """Write a domain NAME that hears orders, keeps a note of each, and forgets it when they fail.

    One folder, one schema file, one test, one line in the compensation table. It dances at the next
    `odori up`; then make it your own.

    \b
    Example:
      odori new domain loyalty
    """
    from streams.skeleton import BadName, NoTree, write

    try:
        written, line = write(name, into)
    except (BadName, NoTree) as error:
        raise Trouble(str(error), WRONG) from None
    for path in written:
        click.echo(f"wrote {path}")
    click.echo(f"added to compensations/table.py: {line}")
    click.echo("next: make golden (keeps its messages as contracts), make check, odori up")
