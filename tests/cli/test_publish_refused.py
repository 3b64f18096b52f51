"""`odori publish` with orders that are not taken: they have ended, and nothing of them is timed."""

import json
from pathlib import Path

from tests.cli.conftest import odori, told
from tests.cli.test_publish import order


def test_the_progress_bar_counts_what_was_refused_as_ended(shop: Path) -> None:
    lines = "\n".join([order("NO-1", product="nothing"), order("NO-2")])
    result = odori("publish", "-", "--data", shop, stdin=lines)
    assert result.stderr.split()[-1].startswith("2/")
    assert "rejected" in result.output


def test_what_is_refused_while_others_are_sent_slowly_is_counted_once(shop: Path) -> None:
    lines = "\n".join(
        [order("SLOW-1", product="nothing"), *(order(f"SLOW-{n}") for n in range(2, 6))]
    )
    said = told("publish", "-", "--rate", 5, "--data", shop, stdin=lines)
    assert (said["orders"], said["rejected"], said["notEnded"]) == (5, {"product": 1}, 0)


def test_an_id_that_is_twice_in_a_file_is_ended_and_refused(shop: Path) -> None:
    lines = "\n".join([order("TWICE-1"), order("TWICE-1", quantity=2)])
    said = told("publish", "-", "--data", shop, stdin=lines)
    assert (said["orders"], said["confirmed"], said["notEnded"]) == (2, 1, 0)


def test_where_nothing_was_measured_no_figure_is_given(shop: Path) -> None:
    result = odori("publish", "-", "--data", shop, stdin=order("NO-3", product="nothing"))
    assert "accepted to ended" not in result.output
    again = odori("publish", "-", "--data", shop, "--json", stdin=order("NO-3", product="nothing"))
    assert json.loads(again.stdout)["p50Ms"] is None


def test_a_line_without_an_id_is_the_same_order_in_another_file_and_help_says_so(
    shop: Path, tmp_path: Path
) -> None:
    for number, existed in enumerate((0, 1)):
        file = tmp_path / f"{number}.jsonl"
        file.write_text("\n".join([order(f"FIRST-{number}"), order(None, quantity=3)]))
        assert told("publish", file, "--data", shop)["existedAlready"] == existed
    said = " ".join(odori("publish", "--help").output.split())
    assert "the same line at the same place is the same order, in another file, too" in said
