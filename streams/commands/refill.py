"""`odori refill`: fill a Kafka that lost everything."""

import asyncio
from pathlib import Path

import click

from streams.terminal import WRONG, Trouble, data_option, json_option, print_json, settings


@click.command()
@data_option
@json_option
def command(data: Path, as_json: bool) -> None:
    """Publish every message that the outboxes keep to the Kafka of ODORI_KAFKA, anew.

    For a broker that lost its data while the stores have theirs. Stop Odori first. All consumer
    groups begin again at the earliest offset under a new epoch; what is done is dropped by the
    ledgers. May be run again at any time.

    \b
    Example:
      ODORI_KAFKA=127.0.0.1:9092 odori refill
    """
    from infra.engine.errors import ConfigError
    from streams.folder import AlreadyRunning
    from streams.home import InUse, NoData
    from streams.refill import RefillFailed, refill
    from streams.system import StoreLost
    from streams.topology import discover

    found = settings(data=data)
    if not found.kafka:
        raise Trouble("set ODORI_KAFKA to the address of the broker that is to be filled", WRONG)
    try:
        filled = asyncio.run(refill(found, discover()))
    except (AlreadyRunning, InUse, NoData, StoreLost, RefillFailed, ConfigError, OSError) as error:
        raise Trouble(str(error)) from None
    if as_json:
        print_json({"messages": filled.messages, "epoch": filled.epoch})
    else:
        click.echo(f"{filled.messages} messages published, epoch {filled.epoch}")
