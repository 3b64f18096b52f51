"""`odori flow`: who hears what and announces what, drawn from the code."""

import click

from streams.terminal import json_option, print_json


@click.command()
@click.option(
    "--format", "form", type=click.Choice(["text", "mermaid", "json"]), default="text",
    show_default=True, help="How to draw it.",
)  # fmt: skip
@json_option
def command(form: str, as_json: bool) -> None:
    """The flow graph, with its failures and what each of them undoes.

    \b
    Example:
      odori flow --format mermaid > flow.mmd
    """
    from streams.flow import as_mermaid, as_text, edges, steps
    from streams.topology import discover

    topology = discover()
    if as_json or form == "json":
        print_json({"steps": steps(topology), "edges": edges(topology)})
    else:
        click.echo(as_mermaid(topology) if form == "mermaid" else as_text(topology))
