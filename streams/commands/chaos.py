"""`odori chaos`: everything broken on purpose, under load."""

from pathlib import Path

import click

from streams.terminal import NO, Trouble

#: Enough to have every component and every kind of fault.
MINUTES = 5.0
#: Two cores bear it beside the servers, and there is always an order in flight.
ORDERS_PER_SECOND = 30.0
#: A seed is told, so that it can be given again.
SEED_BITS = 32


@click.command()
@click.option("--seed", type=int, help="What is broken when: the same again (one at random).")
@click.option(
    "--minutes", type=click.FloatRange(min=0.1), default=MINUTES, show_default=True,
    help="How long things are broken; the last is mended and waited for afterwards.",
)  # fmt: skip
@click.option(
    "--orders-per-second", "rate", type=click.FloatRange(min=0.1), default=ORDERS_PER_SECOND,
    show_default=True, help="The load.",
)  # fmt: skip
@click.option(
    "--report", "file", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE.md",
    help="Write the report there, too.",
)  # fmt: skip
def command(seed: int | None, minutes: float, rate: float, file: Path | None) -> None:
    """Break everything on purpose, under load, and see whether anything is lost.

    Starts Kafka, PostgreSQL and Cassandra in containers of their own, and workers, intakes and a
    dashboard as processes; none of your data is touched. Then one thing after the other is killed,
    paused, restarted, cut off, slowed down, left without disk, or given another time.

    Exits with 1 if an accepted order was lost or did not end exactly once, if anything is left half
    done, or if it took longer than 30 s until everything flowed again.

    \b
    Example:
      odori chaos --seed 7 --minutes 60 --report chaos.md
    """
    import asyncio
    import logging
    import secrets
    import shutil
    import tempfile

    from infra.chaos.target import NotStarted
    from streams.chaos.report import missed, report
    from streams.chaos.run import run

    try:
        from infra.containers import ContainerError, lacking
        from streams.chaos.containers import in_containers
    except ModuleNotFoundError as error:
        need = "pip install 'odori-choreography[chaos]'"
        raise Trouble(f"odori chaos needs the package {error.name}: {need}") from None
    if reason := lacking():
        raise Trouble(f"odori chaos runs its servers in containers, and {reason}")
    for driver in ("asyncpg", "cassandra"):  # what they complain of is what is done to them
        logging.getLogger(driver).setLevel(logging.CRITICAL)
    chosen = secrets.randbits(SEED_BITS) if seed is None else seed
    data = Path(tempfile.mkdtemp(prefix="odori-chaos-"))
    going = run(
        in_containers(minutes), data, seed=chosen, seconds=minutes * 60, rate=rate, say=_say
    )
    try:
        outcome = asyncio.run(going)
    except (ContainerError, NotStarted) as error:
        raise Trouble(f"{error}; the logs are in {data / 'logs'}") from None
    text = report(outcome)
    if file:
        file.write_text(text, "utf-8")
    click.echo(text)
    if missed(outcome):
        click.echo(f"The logs of its parts are in {data / 'logs'}", err=True)
        raise SystemExit(NO)
    shutil.rmtree(data)


def _say(line: str) -> None:
    click.echo(line, err=True)
