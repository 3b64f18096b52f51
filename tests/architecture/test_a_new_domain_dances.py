"""One folder, one schema file, one line in the table: a new domain is found by everything."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("schemas", "domains", "compensations", "streams", "infra", "tests")
#: Nobody calls a domain of their own so.
NAME = "zzsample"
WRITTEN = {
    f"schemas/{NAME}.py", f"domains/{NAME}/__init__.py", f"domains/{NAME}/rows.py",
    f"domains/{NAME}/steps.py", f"tests/domains/test_{NAME}.py",
}  # fmt: skip
#: What one program may take on a busy machine.
PATIENCE_S = 120


def run(tree: Path, *words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """A Python module, run in the copied tree."""
    command = [sys.executable, "-m", *words]
    return subprocess.run(
        command, cwd=tree, input=stdin, capture_output=True, text=True, timeout=PATIENCE_S
    )


def well(tree: Path, *words: str, stdin: str = "") -> str:
    """What a program that ends well says."""
    result = run(tree, *words, stdin=stdin)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def files(tree: Path) -> dict[str, str]:
    paths = (p for package in PACKAGES for p in (tree / package).rglob("*.py"))
    return {str(p.relative_to(tree)): p.read_text("utf-8") for p in paths}


@pytest.fixture(scope="module")
def before() -> dict[str, str]:
    return files(ROOT)


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory, before: dict[str, str]) -> Path:
    """A copy of the source tree with a domain more."""
    tree = tmp_path_factory.mktemp("tree")
    for package in PACKAGES:
        skipped = shutil.ignore_patterns("__pycache__", "*.jar")
        shutil.copytree(ROOT / package, tree / package, ignore=skipped)
    shutil.copy(ROOT / "pyproject.toml", tree)
    said = well(tree, "streams.cli", "new", "domain", NAME)
    assert f'"{NAME}.note": (' in said
    return tree


def test_it_is_one_folder_one_schema_file_one_test_and_one_line(
    tree: Path, before: dict[str, str]
) -> None:
    after = files(tree)
    assert after.keys() - before.keys() == WRITTEN
    changed = {path for path in before if before[path] != after[path]}
    assert changed == {"compensations/table.py"}
    table = "compensations/table.py"
    old, new = before[table].splitlines(), after[table].splitlines()
    assert len(new) == len(old) + 1
    assert set(old) <= set(new)


def test_it_is_well_formed_at_once(tree: Path) -> None:
    well(tree, "ruff", "check", "--no-cache", "compensations", *WRITTEN)
    well(tree, "ruff", "format", "--check", "--no-cache", *WRITTEN)
    mine = [path for path in WRITTEN if not path.startswith("tests")]
    well(tree, "mypy", "--no-incremental", "--follow-imports=silent", *mine)


def test_its_tests_and_those_of_all_domains_pass_at_once(tree: Path) -> None:
    well(tree, "tests.contracts.golden")
    well(tree, "pytest", "-q", "-p", "no:cacheprovider", "tests/domains", "tests/contracts")


def test_it_dances(tree: Path) -> None:
    flow = json.loads(well(tree, "streams.cli", "flow", "--format", "json"))
    heard = {(edge["message"], edge["to"]) for edge in flow["edges"]}
    assert ("OrderPlaced", f"{NAME}.note") in heard
    assert ("StockShort", f"{NAME}.forget") in heard
    data = str(tree / "data")
    up = subprocess.Popen(
        [sys.executable, "-m", "streams.cli", "up", "--port", "0", "--data", data],
        cwd=tree, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert up.stdout is not None
    try:
        assert "Odori is up" in up.stdout.readline()
        published = ("publish", "northwind", "--count", "40", "--stock-factor", "3", "--json")
        said = json.loads(well(tree, "streams.cli", *published, "--data", data))
        url = json.loads((tree / "data" / "up.json").read_text())["url"]
        topics = {topic["name"] for topic in ask(f"{url}/")["topics"]}
        notes = ask(f"{url}/api/{NAME}/note?limit=100")["rows"]
        story = json.loads(well(tree, "streams.cli", "saga", "NW-10248", "--json", "--data", data))
    finally:
        up.terminate()
        up.communicate(timeout=PATIENCE_S)
    assert {f"{NAME}.{kind}" for kind in ("commands", "events", "failures", "dlq")} <= topics
    assert len(notes) == said["confirmed"] > 0
    assert said["compensations"][f"{NAME}.note"] == sum(said["cancelled"].values()) > 0
    assert NAME in {moment["domain"] for moment in story["moments"]}


def ask(url: str) -> dict[str, list[dict[str, object]]]:
    """The JSON at a path."""
    with urlopen(Request(url, headers={"accept": "application/json"})) as answer:
        found: dict[str, list[dict[str, object]]] = json.load(answer)
    return found


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("order", "is taken"), ("message", "is taken"), ("tx", "is taken"),
        ("Loyalty", "cannot be"), ("loyal-ty", "cannot be"), ("class", "cannot be"),
        ("../up", "cannot be"), ("l" * 25, "cannot be"), ("utils", "says nothing"),
        ("dlq", "something else"),
    ],
)  # fmt: skip
def test_a_name_that_cannot_be_is_refused_and_writes_nothing(
    name: str, why: str, tree: Path
) -> None:
    before = files(tree)
    result = run(tree, "streams.cli", "new", "domain", name)
    assert result.returncode == 2
    assert why in result.stderr
    assert files(tree) == before


def test_outside_of_a_source_tree_nothing_is_written(tmp_path: Path) -> None:
    result = run(ROOT, "streams.cli", "new", "domain", NAME, "--into", str(tmp_path))
    assert result.returncode == 2
    assert "is not Odori's source tree" in result.stderr
    assert list(tmp_path.iterdir()) == []
