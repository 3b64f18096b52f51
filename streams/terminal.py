"""What every command shares: where the data is, what runs on it, and how trouble is told."""

import json
import os
import shutil
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])

#: Exit codes: the answer is no; the command was used wrongly (click's own); it could not be done.
NO, WRONG, CANNOT = 1, 2, 3

EXIT_CODES = (
    "Exit codes: 0 done; 1 the answer is no (unknown order, books that do not balance, orders that"
    " did not end); 2 used wrongly; 3 could not be done (nothing runs, no data, connection lost)."
)


class Trouble(click.ClickException):
    """What went wrong, where, and how to mend it, in one sentence; ends the command."""

    def __init__(self, message: str, code: int = CANNOT) -> None:
        super().__init__(message)
        self.exit_code = code


def data_option(function: F) -> F:
    """`--data`, or ODORI_DATA, or ./.odori."""
    return click.option(
        "--data", type=click.Path(file_okay=False, path_type=Path), envvar="ODORI_DATA",
        default=Path(".odori"), show_default="./.odori, or ODORI_DATA", help="The data folder.",
    )(function)  # fmt: skip


def json_option(function: F) -> F:
    """`--json`: one JSON document on stdout."""
    return click.option("--json", "as_json", is_flag=True, help="JSON, for scripts.")(function)


def settings(**given: object) -> Any:
    """The settings of the environment and of the command line, which wins; the bus is that of the
    Odori that runs on the data folder, if none is named, and the store that of the last one."""
    from infra.settings import SettingsError, read

    try:
        found = read(os.environ, **given)
    except SettingsError as error:
        raise Trouble(str(error), WRONG) from None
    told = _up(found.data)
    if not found.kafka and alive(found.data) is not None:
        found = replace(found, kafka=str(told.get("kafka") or ""))
    if not found.store:
        found = replace(found, store=str(told.get("store") or ""))
    return found


def home(settings: Any) -> Any:
    """Where these settings have the stores."""
    from infra.engine.errors import ConfigError
    from streams.home import home_of
    from streams.topology import discover

    try:
        return home_of(settings, discover().parts)
    except (ConfigError, OSError) as error:
        raise Trouble(str(error), WRONG) from None


def print_json(document: object) -> None:
    """One document, as `jq` likes it."""
    click.echo(json.dumps(document, indent=2, ensure_ascii=False))


def _up(data: Path) -> dict[str, Any]:
    """What the `odori up` wrote of itself that runs on this folder, or an intake, or another part;
    if none runs, what the last one wrote."""
    places = (data / "up.json", *sorted(data.glob("intake-*/up.json")), *data.glob("*/up.json"))
    found = [told for path in places if (told := _told(path))]
    return next(filter(_lives, found), found[0] if found else {})


def _told(path: Path) -> dict[str, Any]:
    with suppress(OSError, ValueError):
        found = json.loads(path.read_text())
        if isinstance(found, dict):
            return found
    return {}


def _lives(told: dict[str, Any]) -> bool:
    pid = told.get("pid")
    if not isinstance(pid, int):
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def alive(data: Path) -> str | None:
    """The address of the Odori that runs on this folder; None if there is none."""
    found = _up(data)
    url = found.get("url")
    return url if isinstance(url, str) and _lives(found) else None


def address(data: Path, url: str | None = None) -> str:
    """Where to ask: what was given, else what runs on the data folder; else says how to start."""
    found = url or alive(data)
    if found is None:
        not_running(data)
    return found.rstrip("/")


def not_running(data: Path) -> NoReturn:
    """Say how to start."""
    raise Trouble(f"nothing runs on {data}; start it with: {program()} up --data {data}")


def program() -> str:
    """What the user types for `odori`: its path where it is not on PATH, as in .venv/bin/odori."""
    typed = Path(sys.argv[0])
    return str(typed) if typed.name == "odori" and not shutil.which("odori") else "odori"
