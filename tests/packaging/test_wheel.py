"""The wheel has all that `odori` needs, and nothing else."""

import os
import subprocess
import sys
import tomllib
import venv
from pathlib import Path
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = {"streams", "domains", "schemas", "compensations", "infra"}
#: Of use in the source tree only.
CONTAINERS = {("infra", "compose"), ("infra", "images")}
#: What one program may take on a busy machine.
PATIENCE_S = 60


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built without a network by what the lock file pins."""
    place = tmp_path_factory.mktemp("wheel")
    program = (
        "import os, sys; from hatchling.build import build_wheel;"
        "os.chdir(sys.argv[1]); build_wheel(sys.argv[2])"
    )
    command = [sys.executable, "-c", program, str(ROOT), str(place)]
    subprocess.run(command, check=True, capture_output=True, timeout=PATIENCE_S)
    [built] = place.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def names(wheel: Path) -> set[str]:
    with ZipFile(wheel) as archive:
        return set(archive.namelist())


def tracked() -> set[str]:
    """The packages' files that are not built or cached, and are not how containers are made."""
    return {
        str(path.relative_to(ROOT))
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.is_file()
        and "__pycache__" not in path.parts
        and path.relative_to(ROOT).parts[:2] not in CONTAINERS
    }


def test_it_has_every_file_of_the_packages_and_no_other(names: set[str]) -> None:
    about = {name for name in names if name.split("/")[0].endswith(".dist-info")}
    assert names - about == tracked()
    assert {name for name in names if "tests" in name or name.endswith((".pyc", ".db"))} == set()


def test_assets_data_types_and_licences_are_in_it(names: set[str]) -> None:
    assert {f"{package}/py.typed" for package in PACKAGES} <= names
    assert {
        "streams/intake/static/odori.css",
        "streams/intake/static/vendor/swagger-ui/swagger-ui-bundle.js",
        "streams/intake/static/vendor/swagger-ui/LICENSE",
        "streams/northwind/data/orders.csv",
        "streams/northwind/data/LICENSE",
    } <= names
    licences = {name.rpartition("/")[2] for name in names if ".dist-info/licenses/" in name}
    assert licences == {"LICENSE", "NOTICE"}


def test_it_says_what_it_needs_and_how_it_is_called(wheel: Path, names: set[str]) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    about = next(name for name in names if name.endswith(".dist-info/METADATA")).split("/")[0]
    with ZipFile(wheel) as archive:
        metadata = archive.read(f"{about}/METADATA").decode()
        scripts = archive.read(f"{about}/entry_points.txt").decode()
    needed = {line for line in metadata.splitlines() if line.startswith("Requires-Dist")}
    assert len({line for line in needed if "extra ==" not in line}) == len(project["dependencies"])
    assert "odori = streams.cli:main" in scripts


def test_installed_alone_the_command_works_outside_of_the_source_tree(
    wheel: Path, tmp_path: Path
) -> None:
    home = tmp_path / "venv"
    venv.create(home, symlinks=True)
    [packages] = home.glob("lib/python*/site-packages")
    with ZipFile(wheel) as archive:
        archive.extractall(packages)
    dependencies = next(path for path in sys.path if path.endswith("site-packages"))
    program = "import sys; from streams import cli; print(cli.__file__); cli.main(sys.argv[1:])"
    run = subprocess.run(
        [str(home / "bin" / "python"), "-c", program, "flow", "--format", "json"],
        cwd=tmp_path, env=os.environ | {"PYTHONPATH": f"{packages}:{dependencies}"},
        capture_output=True, text=True, timeout=PATIENCE_S,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    assert run.stdout.startswith(str(packages)), run.stdout
    assert '"order.place"' in run.stdout
