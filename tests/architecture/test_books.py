"""The books know nothing of what they check: no domain, no schema, no machinery of ours."""

import ast
from pathlib import Path

ROOT = Path(__file__).parents[2]
#: What the books may import of Odori: a way to the stores, and each other.
ALLOWED = ("infra.engine", "streams.books", "streams.home")
OURS = ("streams", "compensations", "domains", "schemas", "infra")


def strangers(source: str) -> list[str]:
    """What this code imports of Odori and must not."""
    found = []
    for node in ast.walk(ast.parse(source)):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        found += [n for n in names if n.split(".")[0] in OURS and not n.startswith(ALLOWED)]
    return found


def test_the_books_import_no_code_of_what_they_check() -> None:
    files = sorted((ROOT / "streams" / "books").glob("*.py"))
    assert len(files) > 3
    assert {file.name: found for file in files if (found := strangers(file.read_text()))} == {}


def test_a_book_that_asks_the_code_it_checks_is_found() -> None:
    bad = "from domains.payment.rows import Wallet\nimport streams.rows\nimport sqlite3\n"
    assert strangers(bad) == ["domains.payment.rows", "streams.rows"]
