"""Figures, and how they are shown: a table per section, one column for each thing measured."""

import os
import platform
import sqlite3
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

LOOP_ADDITIONS = 10_000_000


@dataclass(frozen=True)
class Figure:
    """One measured value: its row and column in the table of its section."""

    section: str
    name: str
    column: str
    value: float
    unit: str


def tables(figures: Iterable[Figure]) -> str:
    """Every section as an aligned table; rows and columns in the order they were measured."""
    sections: dict[str, list[Figure]] = {}
    for figure in figures:
        sections.setdefault(figure.section, []).append(figure)
    return "\n\n".join(_table(name, found) for name, found in sections.items())


def _table(title: str, figures: list[Figure]) -> str:
    columns = list(dict.fromkeys(f.column for f in figures))
    names = {f.name: f.unit for f in figures}
    cells = {(f.name, f.column): _number(f.value) for f in figures}
    lines = [[title, *columns, ""]]
    lines += [[n, *(cells.get((n, c), "") for c in columns), unit] for n, unit in names.items()]
    widths = [max(len(line[n]) for line in lines) for n in range(len(lines[0]))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if n in (0, len(line) - 1) else cell.rjust(width)
            for n, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def _number(value: float) -> str:
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def ratios(figures: list[Figure]) -> list[Figure]:
    """The system as a part of its floor, wherever both have the figure."""
    floor = {(f.section, f.name): f.value for f in figures if f.column == "floor"}
    return [
        replace(f, column=f"{f.column}/floor", value=f.value / floor[f.section, f.name])
        for f in figures
        if (f.section, f.name) in floor and not f.column.startswith("floor")
    ]


def machine() -> dict[str, str]:
    """What it was measured on."""
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "cores": str(len(os.sched_getaffinity(0))),
        "load before": f"{os.getloadavg()[0]:.2f}",
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "processor": _processor(),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((x.partition(": ")[2] for x in lines if x.startswith("model name")), "unknown")


def loop_ms() -> float:
    """Milliseconds of a plain Python loop; differs between two runs as the machine does."""
    began, total = time.perf_counter(), 0
    for n in range(LOOP_ADDITIONS):
        total += n
    return (time.perf_counter() - began) * 1000


def rss_mb(pid: int | str = "self") -> float:
    """Resident memory of a process now."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def percentile(values: list[float], percent: int) -> float:
    return sorted(values)[min(len(values) * percent // 100, len(values) - 1)]
