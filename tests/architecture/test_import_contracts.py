"""The import contracts hold here, and each of them breaks on a tree with one bad import."""

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

GOOD_TREE = {
    "schemas/order.py": "import uuid, pydantic",
    "domains/tx.py": "import dataclasses",
    "domains/order/steps.py": "import schemas.order, domains.tx, domains.order.rows",
    "domains/order/rows.py": "import domains.tx",
    "domains/payment/steps.py": "import schemas.order, domains.tx",
    "compensations/table.py": "import schemas.order, domains.order.steps",
    "infra/clock.py": "import time, sqlite3",
    "streams/handle.py": "import compensations.table, domains.order.steps, infra.clock, asyncio",
}

LAYERS = "streams over compensations over domains over schemas"
LEAF = "infra knows no message and no domain"
ONLY_STREAMS = "only streams uses infra"
STRANGERS = "no domain knows another"
PURE = "domains touch no driver, clock, chance, thread or web framework"
NO_TESTS = "nothing imports tests"

BAD_IMPORTS = [
    (LAYERS, "schemas/bad.py", "domains.tx"),
    (LAYERS, "domains/order/bad.py", "compensations.table"),
    (LAYERS, "compensations/bad.py", "streams.handle"),
    (LEAF, "infra/bad.py", "schemas.order"),
    (LEAF, "infra/bad.py", "streams.handle"),
    (ONLY_STREAMS, "schemas/bad.py", "infra.clock"),
    (ONLY_STREAMS, "domains/order/bad.py", "infra.clock"),
    (ONLY_STREAMS, "compensations/bad.py", "infra.clock"),
    (STRANGERS, "domains/order/bad.py", "domains.payment.steps"),
    (STRANGERS, "domains/order/bad.py", "domains.payment"),
    (STRANGERS, "domains/word.py", "domains.payment.steps"),
    (PURE, "domains/word.py", "time"),
    (NO_TESTS, "infra/bad.py", "tests.architecture.contracts"),
    (NO_TESTS, "domains/order/bad.py", "tests.architecture.contracts"),
]

IMPURE = ["aiokafka", "asyncio", "asyncpg", "cassandra", "fastapi", "http", "random", "secrets"]
IMPURE += ["socket", "sqlite3", "starlette", "threading", "time", "uuid"]


def lint(folder: Path) -> tuple[int, str]:
    program = "from importlinter.cli import lint_imports_command as lint; lint()"
    run = subprocess.run(
        [sys.executable, "-c", program, "--no-cache"], cwd=folder, capture_output=True, text=True
    )
    return run.returncode, run.stdout + run.stderr


def write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n")
        for parent in path.relative_to(folder).parents[:-1]:
            (folder / parent / "__init__.py").touch()


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A small Odori that keeps every contract, under this repository's own configuration."""
    write(tmp_path, GOOD_TREE)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    (tmp_path / "tests" / "architecture").mkdir(parents=True)
    shutil.copy(ROOT / "tests/architecture/contracts.py", tmp_path / "tests" / "architecture")
    return tmp_path


def test_this_repository_keeps_every_contract() -> None:
    code, output = lint(ROOT)
    assert code == 0, output


def test_a_tree_without_a_bad_import_keeps_every_contract(tree: Path) -> None:
    code, output = lint(tree)
    assert code == 0, output
    assert "6 kept, 0 broken" in output


@pytest.mark.parametrize(("contract", "file", "imported"), BAD_IMPORTS)
def test_one_bad_import_breaks_its_contract(
    tree: Path, contract: str, file: str, imported: str
) -> None:
    write(tree, {file: f"import {imported}"})
    code, output = lint(tree)
    assert code == 1, output
    assert f"{contract} BROKEN" in output


def test_each_technology_is_forbidden_to_a_domain(tree: Path) -> None:
    write(tree, {"domains/order/bad.py": "import " + ", ".join(IMPURE)})
    code, output = lint(tree)
    assert code == 1, output
    assert [m for m in IMPURE if f"domains.order.bad -> {m} " not in output] == []


def test_every_contract_has_a_bad_sample() -> None:
    configured = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    named = {contract["name"] for contract in configured["contracts"]}
    assert named == {contract for contract, _, _ in BAD_IMPORTS}
