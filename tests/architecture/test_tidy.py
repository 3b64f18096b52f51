"""Every file keeps the house style, and each rule of it turns red on a bad sample."""

from pathlib import Path, PurePath

import pytest

from tests.architecture import tidy
from tests.architecture.tidy import RULES, Module, Rule

ROOT = Path(__file__).parents[2]
FOLDERS = ("schemas", "domains", "compensations", "streams", "infra", "tests")

LONG_FUNCTION = "def f() -> None:\n" + "    f()\n" * 70
STEPS = "domains/order/steps.py"

BAD = [
    (tidy.short_file, "infra/clock.py", "x = 1\n" * 401),
    (tidy.short_functions, "infra/clock.py", LONG_FUNCTION),
    (
        tidy.short_functions,
        "infra/clock.py",
        "class A:\n    async " + LONG_FUNCTION.replace("\n", "\n    "),
    ),
    (tidy.says_what_it_is_for, "infra/clock.py", "x = 1\n"),
    (tidy.telling_name, "infra/utils.py", ""),
    (tidy.telling_name, "streams/common/lane.py", ""),
    (tidy.no_sleep_in_tests, "tests/unit/test_a.py", "import time\ntime.sleep(1)"),
    (tidy.no_sleep_in_tests, "tests/unit/test_a.py", "async def f():\n    await asyncio.sleep(0)"),
    (tidy.no_sleep_in_tests, "tests/unit/test_a.py", "from asyncio import sleep as wait"),
    (tidy.no_get_in_a_loop, STEPS, "for line in lines:\n    tx.get(Stock, line)"),
    (
        tidy.no_get_in_a_loop,
        STEPS,
        "for line in lines:\n    if line:\n        f(tx.get(Stock, line))",
    ),
    (tidy.no_get_in_a_loop, STEPS, "while tx.get(Stock, 1):\n    pass"),
    (tidy.no_get_in_a_loop, STEPS, "rows = [tx.get(Stock, line) for line in lines]"),
    (tidy.no_get_in_a_loop, STEPS, "rows = {k: 1 for k in ks if tx.get(Stock, k)}"),
    (tidy.no_clock_of_its_own, STEPS, "from datetime import datetime\ndatetime.now(UTC)"),
    (tidy.no_clock_of_its_own, STEPS, "import datetime as d\nd.datetime.utcnow()"),
    (tidy.no_clock_of_its_own, STEPS, "from datetime import date as day\nf(clock=day.today)"),
]

GOOD = [
    (tidy.short_file, "infra/clock.py", "x = 1\n" * 400),
    (tidy.short_functions, "infra/clock.py", LONG_FUNCTION.removesuffix("    f()\n")),
    (tidy.says_what_it_is_for, "infra/__init__.py", ""),
    (tidy.telling_name, "infra/database.py", ""),
    (tidy.no_sleep_in_tests, "infra/clock.py", "import time\ntime.sleep(1)"),
    (tidy.no_get_in_a_loop, STEPS, "for row in tx.get(Order, 1).lines:\n    tx.put(row)"),
    (tidy.no_get_in_a_loop, STEPS, "ids = [line.id for line in tx.get(Order, 1).lines]"),
    (tidy.no_get_in_a_loop, STEPS, "for key in keys:\n    found.get(key)"),
    (
        tidy.no_clock_of_its_own,
        STEPS,
        "from datetime import timedelta\ndue = tx.now + timedelta(1)",
    ),
]


def complaints(rule: Rule, path: str, text: str) -> list[str]:
    return [f"{path}: {complaint}" for complaint in rule(Module(PurePath(path), text))]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_every_file_keeps_the_rule(rule: Rule) -> None:
    files = [file for folder in FOLDERS for file in sorted((ROOT / folder).rglob("*.py"))]
    assert files
    assert not [
        complaint
        for file in files
        for complaint in complaints(rule, str(file.relative_to(ROOT)), file.read_text())
    ]


@pytest.mark.parametrize(("rule", "path", "text"), BAD)
def test_a_bad_sample_turns_its_rule_red(rule: Rule, path: str, text: str) -> None:
    assert complaints(rule, path, text)


@pytest.mark.parametrize(("rule", "path", "text"), GOOD)
def test_a_good_sample_near_the_edge_stays_green(rule: Rule, path: str, text: str) -> None:
    assert complaints(rule, path, text) == []


def test_every_rule_has_a_bad_sample() -> None:
    assert set(RULES) == {rule for rule, _, _ in BAD}
