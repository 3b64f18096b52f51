"""`odori up`: everything in one process."""

import os
import sys
from pathlib import Path
from typing import Any

import click

from streams.terminal import WRONG, Trouble, data_option, program, settings


@click.command()
@click.option("--port", type=click.IntRange(0, 65535), help="The web port (3000; 0: any).")
@click.option("--host", help="The address to listen on (127.0.0.1).")
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
    from infra.bus.errors import BusError
    from infra.engine.errors import ConfigError, EngineError
    from infra.observe import log_to
    from infra.settings import unknown
    from streams.home import InUse, without_password
    from streams.serve import Died, PortTaken, run
    from streams.system import AlreadyRunning, StoreLost

    for name, likely in unknown().items():
        click.echo(f"Warning: {name} is no setting; is {likely} meant?", err=True)
    log_to(sys.stderr)
    found = settings(data=data, host=host, port=port)
    try:
        run(found, _said)
    except ConfigError as error:
        raise Trouble(str(error), WRONG) from None
    except (AlreadyRunning, InUse, StoreLost, PortTaken, BusError, Died) as error:
        raise Trouble(str(error)) from None
    except EngineError as error:
        raise Trouble(f"{without_password(found.store) or data}: {error}") from None
    except OSError as error:
        raise Trouble(f"{data}: {error.strerror or error}; name another --data") from None


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
