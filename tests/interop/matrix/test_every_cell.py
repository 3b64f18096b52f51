"""Every cell that is declared ran, and the Java side says so, too; this file is run last."""

import os

import pytest

from tests.interop.java import Java
from tests.interop.matrix.cells import EXECUTED, PASSED, Cell, declared, missing


def test_a_cell_that_did_not_run_or_that_java_did_not_report_is_named() -> None:
    every = list(declared())
    names = [*map(str, every)]
    assert len(set(names)) == len(names)
    assert missing(names, every) == []
    assert missing(names[1:], every) == names[:1]
    assert missing(names, every[:-1]) == names[-1:]
    unknown = Cell("postgres", "get", "no such state", "SNAPSHOT", "java after python")
    assert missing(names, [*every[1:], unknown]) == names[:1]


@pytest.mark.service
def test_every_cell_of_the_matrix_ran(java: Java, capsys: pytest.CaptureFixture[str]) -> None:
    lacking = missing(java.ask("cells", done=[*map(str, EXECUTED)]), PASSED)
    total = len(list(declared()))
    with capsys.disabled():
        print(f"\nmatrix: {total - len(lacking)} of {total} cells ran")
    if lacking and os.environ.get("CI") != "true":
        pytest.skip(f"{len(lacking)} cells did not run; only CI insists, and runs all")
    assert lacking == []
