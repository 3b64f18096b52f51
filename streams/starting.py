"""How a process is started for people: settings, errors as sentences, and where to look."""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from streams.role import UP, Role
from streams.terminal import WRONG, Trouble, program, settings


def start(role: Role, said: Callable[[Any, str], None], data: Path, **given: object) -> None:
    """Run until a signal; raises Trouble, with what is wrong, where, and how to mend it."""
    from infra.bus.errors import BusError
    from infra.engine.errors import ConfigError, EngineError
    from infra.observe import log_to
    from infra.settings import unknown
    from streams.folder import AlreadyRunning, running
    from streams.home import InUse, without_password
    from streams.serve import Died, PortTaken, run
    from streams.system import StoreLost

    for name, likely in unknown().items():
        click.echo(f"Warning: {name} is no setting; is {likely} meant?", err=True)
    log_to(sys.stderr)
    found = settings(data=data, **given)
    if found.relay == "off" and not found.kafka:
        raise Trouble("ODORI_RELAY=off is for outboxes that go to Kafka: set ODORI_KAFKA", WRONG)
    if role.name != UP.name:
        _shared(found)
    elif not found.kafka and (before := running(data).get("kafka")):
        click.echo(
            f"Warning: {data} last ran over Kafka at {before}, and now on the embedded bus: what"
            f" waits there is not heard; to go on there, start it with ODORI_KAFKA={before}",
            err=True,
        )
    try:
        run(found, said, role)
    except ConfigError as error:
        raise Trouble(str(error), WRONG) from None
    except (AlreadyRunning, InUse, StoreLost, PortTaken, BusError, Died) as error:
        raise Trouble(str(error)) from None
    except EngineError as error:
        raise Trouble(f"{without_password(found.store) or data}: {error}") from None
    except OSError as error:
        raise Trouble(f"{data}: {error.strerror or error}; name another --data") from None


def _shared(found: Any) -> None:
    """A part needs what it shares with the other parts."""
    lacks = [f"ODORI_{name.upper()}" for name in ("kafka", "store") if not getattr(found, name)]
    if lacks:
        raise Trouble(
            f"set {' and '.join(lacks)}: the parts of one Odori meet on a Kafka and in a shared"
            f" store; without them, {program()} up runs everything in one process",
            WRONG,
        )


def part_said(what: str) -> Callable[[Any, str], None]:
    """One line: what runs, and where."""

    def said(system: Any, url: str) -> None:
        click.echo(
            f"odori {what} is up at {url} (pid {os.getpid()}, bus: Kafka at"
            f" {system.settings.kafka}, store: {system.home.name}, folder: {system.folder})."
            " Ctrl-C ends it."
        )

    return said


def serving(port: int | None) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """`--port` and `--host`; `port` is what the port is if nobody says, None: any free one."""
    usual = "any free one" if port is None else str(port)

    def options(function: Callable[..., None]) -> Callable[..., None]:
        function = click.option("--host", help="The address to listen on (127.0.0.1).")(function)
        help_ = f"The web port ({usual}; 0: any free one)."
        return click.option("--port", type=click.IntRange(0, 65535), help=help_)(function)

    return options
