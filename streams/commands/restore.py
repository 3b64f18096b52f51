"""`odori restore`: a data folder, made of a backup."""

from pathlib import Path

import click

from streams.terminal import WRONG, Trouble, data_option, json_option, print_json, settings


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@data_option
@json_option
def command(folder: Path, data: Path, as_json: bool) -> None:
    """Make the data folder, which must be empty or not there, of the backup in FOLDER.

    What was under way when the backup was made goes on when Odori starts.

    \b
    Example:
      odori restore /backups/odori-monday --data .odori-new
    """
    from streams.backup import BackupError, restore
    from streams.home import without_password

    if found := settings(data=data).store:
        raise Trouble(
            f"the stores are in {without_password(found)}: restore a pg_dump of them into an empty"
            " database with pg_restore",
            WRONG,
        )
    try:
        told = restore(folder, data)
    except BackupError as error:
        raise Trouble(str(error)) from None
    except OSError as error:
        raise Trouble(f"{data}: {error.strerror or error}") from None
    if as_json:
        print_json(told)
    else:
        click.echo(f"{data} is as of {told['at']}; start it with: odori up --data {data}")
