"""What the real library was seen to do, finding by finding: our test of each, or a reason."""

import ast
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[2]

_LEFT = "interop/matrix/test_left_behind.py::test_what_one_engine_left_the_other_resolves"
_ALL = "interop/matrix/test_left_behind.py::test_a_scan_of_the_whole_table_resolves_all_of_it"
_TABLE = (
    "interop/matrix/test_tables.py"
    "::test_a_table_of_one_engine_is_described_used_widened_and_dropped_by_the_other"
)
_REPAIRED = (
    "interop/matrix/test_tables.py"
    "::test_a_coordinator_table_of_one_engine_is_used_and_repaired_for_groups_by_the_other"
)
_IMPORTED = "interop/matrix/test_tables.py::test_an_imported_tables_rows_are_committed_for_both"
_COMMITTED = (
    "interop/matrix/test_committed.py::test_what_one_engine_committed_the_other_reads_and_writes"
)
_TYPES = "interop/matrix/test_types.py::test_values_of_every_type_cross_over"
_ODD = "interop/matrix/test_odd_rows.py::"
_TABLES = "interop/matrix/test_odd_tables.py::"
_PATHS = "interop/matrix/test_paths.py::"

#: Finding -> tests, as file::name; or the reason why it does not concern an engine in Python.
FINDINGS: dict[int, tuple[str, ...] | str] = {
    # a scan over SQLite blocks its own recovery without a write-ahead log
    1: (_LEFT, _ALL, _PATHS + "test_a_file_that_java_made_gets_a_write_ahead_log"),
    # an id of one's own is ignored under group commit
    2: (_PATHS + "test_an_id_of_ones_own_becomes_a_members_under_group_commit",),
    # groups over a coordinator table without their column
    3: (_REPAIRED,),
    # the order of children; a group of one
    4: (_LEFT, "conformance/engine/test_groups.py::test_one_that_is_alone_waits_for_nobody"),
    # an abort of a member writes two rows, or one
    5: (_LEFT, _PATHS + "test_a_member_is_aborted_where_no_column_for_groups_is"),
    # a group's ABORTED row alone decides nothing
    6: (_LEFT,),
    # what leaves a coordinator's row, and what does not
    7: (_PATHS + "test_both_leave_the_same_at_the_coordinator",),
    8: (_PATHS + "test_both_leave_the_same_at_the_coordinator",),
    # which commits take one phase
    9: (_PATHS + "test_both_commit_the_same_in_one_phase",),
    # rows without metadata anywhere
    10: (_COMMITTED, _ODD + "test_a_row_without_metadata_is_given_back_as_it_was"),
    # an empty text as a partition key
    11: (_ODD + "test_both_refuse_an_empty_partition_key",),
    # names that the protocol needs
    12: (_TABLES + "test_both_refuse_columns_named_as_the_protocols",),
    # the namespaces that are told
    13: (_TABLES + "test_both_tell_the_same_namespaces",),
    # SQLite's system tables
    14: (_TABLE, _PATHS + "test_a_file_that_java_made_gets_a_write_ahead_log"),
    # a description that is not whole
    15: (_TABLES + "test_a_table_whose_description_is_not_whole_is_none_for_either",),
    # values that Java could write and not read
    16: (_ODD + "test_what_java_could_not_read_is_not_written",),
    # NaN, negative zero, U+0000
    17: (_ODD + "test_odd_values_become_the_same_for_both",),
    # metadata that nobody should write
    18: (
        _ODD + "test_odd_metadata_means_the_same_to_both",
        _ODD + "test_a_damaged_row_of_the_coordinator_is_no_conflict",
    ),
    19: (_ODD + "test_a_committed_row_without_a_version_goes_on_with_one",),
    # the version before of a row without metadata
    20: (_IMPORTED, _ODD + "test_a_row_without_metadata_is_given_back_as_it_was"),
    # an insert against a dead writer's row
    21: (_ODD + "test_an_insert_fails_on_a_dead_writers_row_only_once",),
    # an index without one of the images before
    22: (_TABLES + "test_an_index_without_one_of_images_is_told_to_be_repaired",),
    # tables made in Python
    23: (_TABLE,),
    # recoverRecord on our rows
    24: (_ODD + "test_javas_recover_record_takes_our_rows",),
    # times at the end of the range through Cassandra's driver
    25: (_TYPES,),
    # names of indexes of tables with capitals
    26: (_TABLE,),
    # commit without prepare
    27: (_PATHS + "test_both_refuse_a_commit_before_the_prepare",),
    # decoupled metadata
    28: (_PATHS + "test_a_table_with_its_metadata_apart_is_none_of_ours",),
    29: "how Java words its conflicts; our texts name the row, and its own tests hold them to it",
}


def functions_of(path: Path) -> set[str]:
    """The names of all functions in a file."""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return {n.name for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, kinds)}


def missing(finding: int) -> list[str]:
    """Tests that are named for a finding and do not exist."""
    tests = FINDINGS[finding]
    named = [] if isinstance(tests, str) else [test.split("::") for test in tests]
    return [f"{file}::{name}" for file, name in named if name not in functions_of(TESTS / file)]


@pytest.mark.parametrize("finding", range(1, 30))
def test_every_finding_has_tests_that_exist_or_a_reason(finding: int) -> None:
    assert FINDINGS.get(finding)
    assert missing(finding) == []


def test_a_test_that_does_not_exist_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(FINDINGS, 1, (_ODD + "test_that_nobody_wrote",))
    assert missing(1) == [_ODD + "test_that_nobody_wrote"]
