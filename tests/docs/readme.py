"""README.md in pieces; `python -m tests.docs.readme` draws its picture of the flow anew."""

import re
from pathlib import Path

from streams.flow import as_mermaid
from streams.topology import discover

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"


def blocks(language: str, page: Path = README) -> list[str]:
    """The fenced blocks of a language, in order."""
    return re.findall(
        rf"^```{language}\n(.*?)^```$", page.read_text("utf-8"), re.MULTILINE | re.DOTALL
    )


def console(page: Path = README) -> list[str]:
    """Every command line after a `$ `, whole, though it is written over several lines."""
    found: list[str] = []
    for block in blocks("console", page):
        lines = iter(block.splitlines())
        for line in lines:
            if line.startswith("$ "):
                command = line.removeprefix("$ ")
                while command.endswith("\\") or command.count("'") % 2:
                    command = command.removesuffix("\\") + "\n" + next(lines)
                found.append(command)
    return found


def output(command: str) -> str:
    """What the page shows under a command line, where it shows something."""
    shown = [part.partition("\n") for block in blocks("console") for part in block.split("$ ")]
    return max(said for line, _, said in shown if line.partition(" #")[0].strip() == command)


def rows(first: str) -> list[list[str]]:
    """The cells of the table whose first column is headed so."""
    table = README.read_text("utf-8").partition(f"\n| {first} |")[2].partition("\n\n")[0]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table.split("\n")[2:]]


def drawn() -> str:
    """The picture as the code has it."""
    return as_mermaid(discover()) + "\n"


if __name__ == "__main__":
    text = README.read_text("utf-8")
    head, _, rest = text.partition("```mermaid\n")
    README.write_text(f"{head}```mermaid\n{drawn()}```{rest.partition('```')[2]}", "utf-8")
