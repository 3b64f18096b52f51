"""`odori backup`: the data folder as it is at one moment."""

from pathlib import Path

import click

from streams.terminal import WRONG, Trouble, data_option, json_option, print_json, settings


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@data_option
@json_option
def command(folder: Path, data: Path, as_json: bool) -> None:
    """Copy all stores, as of one moment, into FOLDER, beside a running Odori or without one.

    FOLDER must be empty or not there. It is given its name when everything in it is on the disk.
    It holds the operator's key, too: keep it as safe as the data.

    \b
    Example:
      odori backup /backups/odori-monday
    """
    from infra.clock import utc_now
    from infra.engine.errors import EngineError
    from streams.backup import BackupError, backup
    from streams.home import Files, without_password
    from streams.topology import discover

    if found := settings(data=data).store:
        raise Trouble(
            f"the stores are in {without_password(found)}: pg_dump copies them as of one moment;"
            f" keep {data} with it, and pg_restore into an empty database is the way back",
            WRONG,
        )
    try:
        told = backup(Files(data), folder, utc_now(), discover().parts)
    except (BackupError, EngineError) as error:
        raise Trouble(str(error)) from None
    except OSError as error:
        raise Trouble(f"{folder}: {error.strerror or error}") from None
    if as_json:
        print_json(told)
    else:
        click.echo(f"{len(told['files'])} files of {data} are in {folder}, as of {told['at']}")
