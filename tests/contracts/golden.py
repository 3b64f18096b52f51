"""What each message promises to strangers, kept as files; `make golden` writes them and shows how
they changed."""

import json
import sys
from difflib import unified_diff
from pathlib import Path
from typing import Any

from schemas.catalogue import Catalogue
from schemas.message import Message

GOLDEN = Path(__file__).parent / "files"


class Names:
    """Stands for a message body; every field is its own name in braces."""

    def __getattr__(self, name: str) -> str:
        return f"{{{name}}}"


def contract(message: type[Message]) -> dict[str, Any]:
    """Everything about a message that others rely on."""
    spec = message.spec
    return {
        "type": spec.wire,
        "topic": spec.topic,
        "key": spec.key(Names()),
        "saga": spec.saga(Names()),
        "subject": spec.subject(Names()),
        "identity": list(spec.identity),
        "minted": spec.minted,
        "operator": spec.operator,
        "schema": _bare(message.model_json_schema(by_alias=True)),
    }


def _bare(schema: Any) -> Any:
    """A schema without its titles and descriptions: words may change freely."""
    if isinstance(schema, list):
        return [_bare(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    words = {name for name in ("title", "description") if isinstance(schema.get(name), str)}
    return {name: _bare(part) for name, part in schema.items() if name not in words}


def text_of(message: type[Message]) -> str:
    """A contract as its file holds it."""
    return json.dumps(contract(message), indent=2, ensure_ascii=False) + "\n"


def contracts() -> dict[str, str]:
    """What the code promises: text by file name."""
    return {f"{m.spec.wire}.json": text_of(m) for m in Catalogue().by_name.values()}


def kept() -> dict[str, str]:
    """What the files promise."""
    return {path.name: path.read_text("utf-8") for path in sorted(GOLDEN.glob("*.json"))}


def changes(old: dict[str, str], new: dict[str, str]) -> str:
    """How the promises differ, readable."""
    return "".join(
        line
        for name in sorted(old.keys() | new.keys())
        for line in unified_diff(
            old.get(name, "").splitlines(keepends=True),
            new.get(name, "").splitlines(keepends=True),
            f"kept/{name}",
            f"code/{name}",
        )
    )


def main() -> None:
    """Write what is new or different, and say so."""
    old, new = kept(), contracts()
    sys.stdout.write(changes(old, new) or "nothing changed\n")
    GOLDEN.mkdir(exist_ok=True)
    for name in old.keys() - new.keys():
        (GOLDEN / name).unlink()
    for name, text in new.items():
        (GOLDEN / name).write_text(text, "utf-8")


if __name__ == "__main__":
    main()
