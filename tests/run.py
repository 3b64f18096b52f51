"""Run the test suites, and say in one line each how they ended."""

import argparse
import ast
import os
import signal
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

TESTS = Path(__file__).parent

#: A suite that hangs must end by itself; the longest, the engine's conformance beside others, takes
#: some 12 minutes.
SUITE_LIMIT_SECONDS = 1_200

#: These mostly wait, so the others run beside them.
BESIDE = ("conformance",)

#: These load both cores, or time what they kill: nothing runs beside them.
ALONE = ("chaos", "compose", "e2e", "mixed", "simulation")

#: What an interrupted suite may take to stop the servers it started.
GRACE_SECONDS = 15

#: What pytest answers when a folder has no test to run; that is no failure.
NO_TESTS = 5


#: What runs now, to be ended with us.
running: set[subprocess.Popen[str]] = set()


@dataclass(frozen=True)
class Result:
    """How one suite ended; `output` is what pytest printed."""

    suite: str
    passed: int
    failed: int
    skips: list[str]
    ran: list[str]
    seconds: float
    output: str

    def __str__(self) -> str:
        return (
            f"{self.suite:<14} {self.passed:>5} passed {self.failed:>4} failed "
            f"{len(self.skips):>4} skipped {self.seconds:>8.1f} s"
        )


def suites() -> list[str]:
    """The folders under tests/ that hold tests."""
    return sorted(p.name for p in TESTS.iterdir() if p.is_dir() and any(p.rglob("test_*.py")))


def run_suite(suite: str, pytest_args: list[str]) -> Result:
    """Run one suite in its own process, with its own limit."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.xml")
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
        command += [f"--junit-xml={report}", *pytest_args, str(TESTS / suite)]
        code, output = run_limited(command)
        passed, failed, skips = read_report(report)
        ran = read_ran(report)
    if code not in (0, NO_TESTS) and not failed:
        # Interrupted or broken: pytest's report lists the test it was in as if it had passed.
        passed, failed = max(passed - 1, 0), 1
    return Result(suite, passed, failed, skips, ran, time.monotonic() - began, output)


def run_limited(command: list[str]) -> tuple[int, str]:
    """The command's code and output; past the limit it ends with all that it started."""
    process = subprocess.Popen(
        command,
        cwd=TESTS.parent,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    running.add(process)
    try:
        output, _ = process.communicate(timeout=SUITE_LIMIT_SECONDS)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGINT)
        output = last_words(process) + f"\nended: not done within {SUITE_LIMIT_SECONDS} s\n"
    finally:
        running.discard(process)
    return process.returncode, output


def last_words(process: subprocess.Popen[str]) -> str:
    """What an interrupted pytest says when its fixtures have cleaned up; insists after a while."""
    try:
        return process.communicate(timeout=GRACE_SECONDS)[0]
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        return process.communicate()[0]


def run_all(names: list[str], pytest_args: list[str]) -> Iterator[Result]:
    """Each as it ends: some beside others, some with nothing beside them."""
    with ThreadPoolExecutor(len(BESIDE) + 1) as pool:

        def run(name: str) -> Future[Result]:
            return pool.submit(run_suite, name, pytest_args)

        try:
            beside = [run(name) for name in names if name in BESIDE]
            yield from (run(name).result() for name in names if name not in BESIDE + ALONE)
            yield from (future.result() for future in beside)
            yield from (run(name).result() for name in names if name in ALONE)
        finally:
            interrupt(list(running))


def interrupt(left: list[subprocess.Popen[str]]) -> None:
    """We are interrupted, and what still runs is interrupted with us."""
    for process in left:
        process.send_signal(signal.SIGINT)
    for process in left:
        try:
            process.wait(GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)


def read_report(report: Path) -> tuple[int, int, list[str]]:
    """Passed, failed and the reason of each skip, from pytest's JUnit file."""
    if not report.exists():
        return 0, 0, []
    passed, failed, skips = 0, 0, []
    for case in ET.parse(report).iter("testcase"):
        skip = case.find("skipped")
        if case.find("failure") is not None or case.find("error") is not None:
            failed += 1
        elif skip is not None:
            skips.append(reason(skip))
        else:
            passed += 1
    return passed, failed, skips


def read_ran(report: Path) -> list[str]:
    """What a suite says it ran beside Python, as it recorded it (`ran`) for the whole suite."""
    if not report.exists():
        return []
    properties = ET.parse(report).iterfind("testsuite/properties/property[@name='ran']")
    return [p.get("value", "") for p in properties]


def reason(skip: ET.Element) -> str:
    """Why it was skipped; of a whole module, pytest writes (file, line, reason) into the text."""
    message = skip.get("message") or "no reason given"
    if message == "collection skipped":
        message = str(ast.literal_eval(skip.text or "('', 0, '')")[2])
    return message.removeprefix("Skipped: ")


def show(result: Result) -> None:
    """Pytest's output if it failed, then the closing line and why anything was skipped."""
    if result.failed:
        print(result.output)
    print(result)
    for what in result.ran:
        print(f"    ran {what}")
    for reason, times in Counter(result.skips).items():
        print(f"    skipped {times}: {reason}")
    sys.stdout.flush()


def main() -> int:
    """Run the suites named, or all of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("suite", nargs="*", help="folders under tests/; all when none is named")
    parser.add_argument("--no-service", action="store_true", help="leave out tests marked service")
    args = parser.parse_args()
    unknown = set(args.suite) - set(suites())
    if unknown:
        parser.error(f"no suite {', '.join(sorted(unknown))}; there are {', '.join(suites())}")
    marker = ["-m", "not service"] if args.no_service else []
    results = []
    for result in run_all(args.suite or suites(), marker):
        results.append(result)
        show(result)
    passed, failed = sum(r.passed for r in results), sum(r.failed for r in results)
    print(f"{passed} passed, {failed} failed, {sum(len(r.skips) for r in results)} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
