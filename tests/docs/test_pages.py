"""Files, tests and links that the pages name exist."""

import re
from pathlib import Path

import pytest

from streams.intake.routes import table_path
from streams.topology import discover
from tests.docs.readme import README, ROOT

PAGES = [README, ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
FOLDERS = "schemas|domains|compensations|streams|infra|tests|docs"
#: In an example of a domain that is yet to be written.
IMAGINED = ("schemas/loyalty", "domains/loyalty")


@pytest.fixture(scope="module")
def tests() -> set[str]:
    """The name of every test."""
    files = (ROOT / "tests").rglob("test_*.py")
    return {name for file in files for name in re.findall(r"def (test_\w+)", file.read_text())}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_what_a_page_names_is_there(page: Path, tests: set[str]) -> None:
    text = page.read_text("utf-8")
    for link in re.findall(r"\]\(([^)#]+)[^)]*\)", text):
        assert link.startswith("https://") or (page.parent / link).exists(), link
    for path in re.findall(rf"\b(?:{FOLDERS})/[\w./-]*[\w/]", text):
        assert path.startswith(IMAGINED) or (ROOT / path).exists(), path
    assert set(re.findall(r"`(test_\w+)`", text)) <= tests


def test_decisions_have_numbers_of_their_own_and_one_form() -> None:
    pages = sorted((ROOT / "docs" / "decisions").glob("*.md"))
    assert len({page.name[:4] for page in pages}) == len(pages)
    for page in pages:
        parts = re.findall(r"^#+ (.*)$", page.read_text("utf-8"), re.MULTILINE)
        assert parts[0].startswith(f"{int(page.name[:4])}. ")
        assert parts[1:] == ["Context", "Options", "Decision", "Consequences"]


def test_the_page_on_http_names_every_table_and_no_other() -> None:
    text = (ROOT / "docs" / "http.md").read_text("utf-8")
    named = re.findall(r"^  - `/api/(\w+)/`: (.*)$", text, re.MULTILINE)
    told = {f"/api/{d}/{t}" for d, tables in named for t in re.findall(r"`([\w-]+)`", tables)}
    parts = discover().parts.items()
    assert told == {table_path(name, row) for name, part in parts for row in part.rows}
