"""The command `odori`: one module per command, imported when it is asked for."""

import logging
import os
import sys
import traceback
from importlib import import_module
from typing import Any

import click

from infra.bus.errors import BusError
from streams.terminal import CANNOT, EXIT_CODES, WRONG, Trouble

#: Every command, in the order of the help: its module is streams/commands/<name>.py, its click
#: command is called `command` there.
COMMANDS = {
    "up": "Start everything in one process.",
    "work": "Work for some domains, in a process of their own.",
    "intake": "Take commands over HTTP, in a process of its own.",
    "dashboard": "Show the pages, in a process of their own.",
    "publish": "Publish orders: Northwind's year, or a file.",
    "saga": "Tell one order's story in time order.",
    "watch": "Topics and the latest orders, live.",
    "check": "Verify the books.",
    "backup": "Copy the data folder as of one moment.",
    "restore": "Make a data folder of a backup.",
    "prune": "Let go of what is old.",
    "refill": "Fill a Kafka that lost everything, from the outboxes.",
    "parked": "List, show and put back what could not be handled.",
    "chaos": "Break everything on purpose, and see whether anything is lost.",
    "flow": "The flow graph, read from the code.",
    "schema": "The domains' tables: show, diff, apply.",
    "new": "Write the skeleton of a domain.",
}

#: Those that stay up.
STAYING = ("up", "work", "intake", "dashboard")


class Lazy(click.Group):
    """A group that imports a command only to run it, so that help is quick."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """A bug ends with its trace and code 3: a 1 would be taken for the answer no."""
        try:
            return super().main(*args, **kwargs)
        except BusError as error:
            click.echo(f"Error: {error}", err=True)
        except Exception:
            traceback.print_exc()
        sys.exit(CANNOT)

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        if cmd_name not in STAYING:  # these keep a log, the others say in a sentence what is
            logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
        command: click.Command = import_module(f"streams.commands.{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.command(cls=Lazy, epilog=EXIT_CODES, context_settings={"max_content_width": 100})
@click.version_option(package_name="odori-choreography", prog_name="odori")
def main() -> None:
    """Odori runs business processes as a choreography: domains hear events and answer with events.

    \b
    Example:
      odori up                   # in one terminal
      odori publish northwind    # in another
    """
    from infra.settings import SettingsError
    from infra.settings_file import with_file

    try:
        os.environ.update(with_file(os.environ))
    except SettingsError as error:
        raise Trouble(str(error), WRONG) from None


if __name__ == "__main__":
    main()
