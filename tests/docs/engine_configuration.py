"""The table of keys in docs/engine-configuration.md; run as a program, it is drawn anew."""

from enum import StrEnum

from infra.engine.config.key import PREFIX, Key
from infra.engine.config.keys import KEYS
from infra.engine.config.settings import (
    CommitOptions,
    GroupCommitOptions,
    Pool,
    PostgresStorage,
    Settings,
)
from tests.docs.readme import ROOT

PAGE = ROOT / "docs" / "engine-configuration.md"
HEAD = f"| `{PREFIX}`… | may be | default | sets |\n|---|---|---|---|\n"
PLACES = {
    Settings: "",
    CommitOptions: "consensus_commit.",
    GroupCommitOptions: "consensus_commit.group_commit.",
    Pool: f"{PostgresStorage.__name__}.pool.",
}


def drawn() -> str:
    """The table as the code has it."""
    return HEAD + "".join(f"| {' | '.join(_cells(key))} |\n" for key in KEYS)


def _cells(key: Key) -> list[str]:
    names = "<br>".join(f"`{name}`" for name in (key.name, *key.spellings))
    if key.instead:
        return [names, key.allowed.says, "", f"nothing: {key.instead}"]
    places = ", ".join(f"`{PLACES.get(o, f'{o.__name__}.')}{key.field}`" for o in key.owners)
    default = f"as `{key.follows}`" if key.follows else _shown(key.default)
    return [
        names,
        key.allowed.says,
        "; ".join(filter(None, [default, key.remark])),
        places or "nothing: it is only checked",
    ]


def _shown(default: object) -> str:
    if default is None or default == "":
        return ""
    if isinstance(default, bool):
        return str(default).lower()
    return default.value if isinstance(default, StrEnum) else str(default)


def shown(text: str) -> str:
    """The table as the page has it."""
    return HEAD + text.partition(HEAD)[2].partition("\n\n")[0].rstrip("\n") + "\n"


if __name__ == "__main__":
    text = PAGE.read_text("utf-8")
    start = text.index(HEAD[:10])
    rest = text[start:].partition("\n\n")[2]
    PAGE.write_text(f"{text[:start]}{drawn()}\n{rest}", "utf-8")
